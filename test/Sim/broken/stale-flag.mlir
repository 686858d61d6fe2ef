// RUN: not tokopt-sim %s | FileCheck %s
// A block that is told of data by a flag reads the flag as if nobody wrote it.

func.func @pass(%data: !llvm.ptr<1> {tok.sim = {name = "data", buffer = tensor<1xf32>}},
                %flag: !llvm.ptr<1> {tok.sim = {name = "flag", buffer = tensor<1xi32>, fill = "zero"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xf32>}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {grid = [2]}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %half = arith.constant 0.5 : f32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %isWriter = arith.cmpi eq, %block, %c0 : i32
  scf.if %isWriter {
    llvm.store %half, %data : f32, !llvm.ptr<1>
    llvm.store %c1, %flag atomic syncscope("device") release {alignment = 4 : i64} : i32, !llvm.ptr<1>
  } else {
    // CHECK-DAG: [[#@LINE+1]]: error: race: block (1, 0, 0) thread 0: load of 4 bytes at flag + 0 is not ordered after the write
    %seen = llvm.load %flag : !llvm.ptr<1> -> i32
    %isSet = arith.cmpi ne, %seen, %c0 : i32
    scf.if %isSet {
      // CHECK-DAG: [[#@LINE+1]]: error: race: block (1, 0, 0) thread 0: load of 4 bytes at data + 0 is not ordered after the write
      %value = llvm.load %data : !llvm.ptr<1> -> f32
      llvm.store %value, %y : f32, !llvm.ptr<1>
    }
  }
  return
}

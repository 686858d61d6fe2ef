// RUN: not tokopt-sim %s | FileCheck %s
// A block waits for one that need not have begun: nothing says that both run at a
// time.

func.func @pass(%data: !llvm.ptr<1> {tok.sim = {name = "data", buffer = tensor<1xf32>}},
                %flag: !llvm.ptr<1> {tok.sim = {name = "flag", buffer = tensor<1xi32>, fill = "zero"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xf32>}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {grid = [2]}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %half = arith.constant 0.5 : f32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %isWriter = arith.cmpi eq, %block, %c1 : i32
  scf.if %isWriter {
    llvm.store %half, %data : f32, !llvm.ptr<1>
    llvm.store %c1, %flag atomic syncscope("device") release {alignment = 4 : i64} : i32, !llvm.ptr<1>
  } else {
    scf.while : () -> () {
      // CHECK: [[#@LINE+1]]: error: endless: block (0, 0, 0) thread 0: load of 4 bytes at flag + 0 waits for ever: no thread of the block does anything else
      %seen = llvm.load %flag atomic syncscope("device") acquire {alignment = 4 : i64} : !llvm.ptr<1> -> i32
      %isClear = arith.cmpi eq, %seen, %c0 : i32
      scf.condition(%isClear)
    } do {
      scf.yield
    }
    %value = llvm.load %data : !llvm.ptr<1> -> f32
    llvm.store %value, %y : f32, !llvm.ptr<1>
  }
  return
}

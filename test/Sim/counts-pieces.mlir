// RUN: tokopt-sim %s --counts | FileCheck %s
// What is counted are the instructions that the backend makes of an access: of
// at most 16 bytes, and of no more than what it is aligned to.

// CHECK: counts-pieces.mlir:16: load of 16 bytes of global memory: 1 requests, 512 bytes, 16 sectors
// CHECK: counts-pieces.mlir:20: load of 4 bytes of global memory: 4 requests, 512 bytes, 64 sectors, but 16 would do
// CHECK: counts-pieces.mlir:25: store of 16 bytes of global memory: 2 requests, 1024 bytes, 64 sectors, but 32 would do
// CHECK: move: clean for sm_80
func.func @move(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<128xf32>, fill = "ascending"}},
                %z: !llvm.ptr<1> {tok.sim = {name = "z", buffer = tensor<128xf32>, fill = "ascending"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<256xf32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xf32>
  // Aligned to all of it.
  %a = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
  // Aligned to an element, so each is loaded by itself, and lanes are 16 bytes
  // apart.
  %other = llvm.getelementptr %z[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xf32>
  %b = llvm.load %other {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xf32>
  %c = arith.addf %a, %b : vector<4xf32>
  %d = vector.shuffle %c, %c [0, 1, 2, 3, 4, 5, 6, 7] : vector<4xf32>, vector<4xf32>
  // In two halves, each of which goes to every other chunk.
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<8xf32>
  llvm.store %d, %to {alignment = 32 : i64} : vector<8xf32>, !llvm.ptr<1>
  return
}

// A load may take more than is asked for, a store may not.
// CHECK: counts-pieces.mlir:38: load of 16 bytes of global memory: 1 requests, 512 bytes, 16 sectors
// CHECK: counts-pieces.mlir:41: store of 4 bytes of global memory: 3 requests, 384 bytes, 48 sectors, but 12 would do
// CHECK: three: clean for sm_80
func.func @three(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<128xf32>, fill = "ascending"}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<128xf32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xf32>
  %a = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<1> -> vector<3xf32>
  %b = arith.addf %a, %a : vector<3xf32>
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xf32>
  llvm.store %b, %to {alignment = 4 : i64} : vector<3xf32>, !llvm.ptr<1>
  return
}

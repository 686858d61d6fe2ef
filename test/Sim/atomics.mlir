// RUN: tokopt-sim %s | FileCheck %s
// RUN: tokopt-sim %s --seed=5 | FileCheck %s
// Atomics of threads of several blocks on global, and of one block on shared memory, whose results do not depend on their order.

// CHECK: global: clean for sm_80
func.func @global(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<9xi32>, fill = "zero"}},
                  %z: !llvm.ptr<1> {tok.sim = {name = "z", buffer = tensor<1xf32>, fill = "zero"}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {grid = [3], reference = @totals}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %c0 = arith.constant 0 : i32
  %c5 = arith.constant 5 : i32
  %c32 = arith.constant 32 : i32
  %c96 = arith.constant 96 : i32
  %first = arith.muli %block, %c32 : i32
  %number = arith.addi %first, %thread : i32
  %minus = arith.subi %c0, %number : i32
  %bit = arith.shli %block, %thread : i32
  %p1 = llvm.getelementptr %y[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p2 = llvm.getelementptr %y[2] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p3 = llvm.getelementptr %y[3] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p4 = llvm.getelementptr %y[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p5 = llvm.getelementptr %y[5] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p6 = llvm.getelementptr %y[6] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p7 = llvm.getelementptr %y[7] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p8 = llvm.getelementptr %y[8] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %sum = llvm.atomicrmw add %y, %number syncscope("device") monotonic {alignment = 4 : i64} : !llvm.ptr<1>, i32
  %max = llvm.atomicrmw max %p1, %number syncscope("device") monotonic {alignment = 4 : i64} : !llvm.ptr<1>, i32
  %min = llvm.atomicrmw min %p2, %minus syncscope("device") monotonic {alignment = 4 : i64} : !llvm.ptr<1>, i32
  %most = llvm.atomicrmw umax %p3, %minus syncscope("device") monotonic {alignment = 4 : i64} : !llvm.ptr<1>, i32
  %or = llvm.atomicrmw _or %p4, %bit syncscope("device") monotonic {alignment = 4 : i64} : !llvm.ptr<1>, i32
  %xor = llvm.atomicrmw _xor %p5, %number syncscope("device") monotonic {alignment = 4 : i64} : !llvm.ptr<1>, i32
  %zero = llvm.atomicrmw _and %p6, %number syncscope("device") monotonic {alignment = 4 : i64} : !llvm.ptr<1>, i32
  // Counts 0 to 5 and begins again: 96 times, so it ends where it began.
  %turn = llvm.atomicrmw uinc_wrap %p7, %c5 syncscope("device") monotonic {alignment = 4 : i64} : !llvm.ptr<1>, i32
  // One thread of all finds a zero, and leaves its claim.
  %claim = llvm.cmpxchg %p8, %c0, %c96 syncscope("device") monotonic monotonic {alignment = 4 : i64} : !llvm.ptr<1>, i32
  %one = arith.constant 1.0 : f32
  %total = llvm.atomicrmw fadd %z, %one syncscope("device") monotonic {alignment = 4 : i64} : !llvm.ptr<1>, f32
  return
}

func.func @totals(%y: memref<9xi32>, %z: memref<1xf32>) {
  %i0 = arith.constant 0 : index
  %i1 = arith.constant 1 : index
  %i2 = arith.constant 2 : index
  %i3 = arith.constant 3 : index
  %i4 = arith.constant 4 : index
  %i8 = arith.constant 8 : index
  // 0 + ... + 95; the largest, and less none of them; each bit is in a shifted 1 or 2; as many of each bit, but for none; 96.
  %sum = arith.constant 4560 : i32
  %max = arith.constant 95 : i32
  %min = arith.constant -95 : i32
  %most = arith.constant -1 : i32
  %or = arith.constant -1 : i32
  %claim = arith.constant 96 : i32
  %count = arith.constant 96.0 : f32
  memref.store %sum, %y[%i0] : memref<9xi32>
  memref.store %max, %y[%i1] : memref<9xi32>
  memref.store %min, %y[%i2] : memref<9xi32>
  memref.store %most, %y[%i3] : memref<9xi32>
  memref.store %or, %y[%i4] : memref<9xi32>
  memref.store %claim, %y[%i8] : memref<9xi32>
  memref.store %count, %z[%i0] : memref<1xf32>
  return
}

// CHECK: shared: clean for sm_80
llvm.mlir.global external @memory() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>
func.func @shared(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64xi32>}})
    attributes {tok.launch = {threads = 64, shared = 4}, tok.sim = {reference = @counted}} {
  %counter = llvm.mlir.addressof @memory : !llvm.ptr<3>
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    llvm.store %c0, %counter : i32, !llvm.ptr<3>
  }
  nvvm.barrier0
  // Each thread draws a number, and no two the same.
  %number = llvm.atomicrmw add %counter, %c1 syncscope("block") monotonic {alignment = 4 : i64} : !llvm.ptr<3>, i32
  %mine = llvm.getelementptr %y[%number] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %number, %mine : i32, !llvm.ptr<1>
  return
}

func.func @counted(%y: memref<64xi32>) {
  affine.for %i = 0 to 64 {
    %number = arith.index_cast %i : index to i32
    affine.store %number, %y[%i] : memref<64xi32>
  }
  return
}

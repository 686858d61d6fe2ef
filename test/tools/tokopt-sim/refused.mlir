// What has no model is refused before anything runs.
// RUN: split-file %s %t
// DEFINE: %{file} =
// DEFINE: %{fails} = not tokopt-sim %t/%{file}.mlir --target=sm_90a 2>&1 | FileCheck %s --check-prefix
// REDEFINE: %{file} = recursion
// RUN: %{fails}=RECURSION
// REDEFINE: %{file} = size
// RUN: %{fails}=SIZE
// REDEFINE: %{file} = large
// RUN: %{fails}=LARGE
// REDEFINE: %{file} = cast
// RUN: %{fails}=CAST
// REDEFINE: %{file} = remainder
// RUN: %{fails}=REMAINDER

// RECURSION: recursion.mlir:5: error: no simulation for a function that calls itself
//--- recursion.mlir
llvm.func @add(%n: i32, %x: !llvm.ptr<1>) -> i32 attributes {no_inline} {
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %a = llvm.load volatile %x : !llvm.ptr<1> -> i32
  %m = llvm.add %n, %a : i32
  %r = llvm.call @add(%m, %x) : (i32, !llvm.ptr<1>) -> i32
  llvm.store volatile %r, %x : i32, !llvm.ptr<1>
  llvm.return %m : i32
}
func.func @f(%x: !llvm.ptr<1> {tok.sim = {buffer = tensor<1xi32>, fill = "zero"}}) attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {}} {
  %t = nvvm.read.ptx.sreg.tid.x : i32
  %r = llvm.call @add(%t, %x) : (i32, !llvm.ptr<1>) -> i32
  llvm.store %r, %x : i32, !llvm.ptr<1>
  return
}

// SIZE: size.mlir:4: error: no simulation for local memory of a size that is not known
//--- size.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {buffer = tensor<1xi32>, fill = "zero"}}, %n: i32 {tok.sim = {value = 3 : i32}}) attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {}} {
  %c1 = arith.constant 1 : i32
  %m = arith.addi %n, %c1 : i32
  %a = llvm.alloca %m x i32 : (i32) -> !llvm.ptr
  %p = llvm.getelementptr %a[%n] : (!llvm.ptr, i32) -> !llvm.ptr, i32
  llvm.store volatile %n, %p : i32, !llvm.ptr
  return
}

// LARGE: large.mlir:3: error: no simulation for more than 524288 bytes of local memory
//--- large.mlir
func.func @f(%n: i32 {tok.sim = {value = 3 : i32}}) attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {}} {
  %c = arith.constant 131073 : i32
  %a = llvm.alloca %c x i32 : (i32) -> !llvm.ptr
  %p = llvm.getelementptr %a[%n] : (!llvm.ptr, i32) -> !llvm.ptr, i32
  llvm.store volatile %n, %p : i32, !llvm.ptr
  return
}

// CAST: cast.mlir:5: error: no simulation for a cast from address space 3 to 1
//--- cast.mlir
llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>
func.func @f(%n: i32 {tok.sim = {value = 3 : i32}}) attributes {tok.launch = {threads = 1, shared = 16}, tok.sim = {}} {
  %s = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %p = llvm.addrspacecast %s : !llvm.ptr<3> to !llvm.ptr<1>
  llvm.store %n, %p : i32, !llvm.ptr<1>
  return
}

// REMAINDER: remainder.mlir:3: error: no simulation for 'frem'
//--- remainder.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {buffer = tensor<1xf32>, fill = "zero"}}, %n: f32 {tok.sim = {value = 3.0 : f32}}) attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {}} {
  %a = llvm.load %y : !llvm.ptr<1> -> f32
  %b = arith.remf %a, %n : f32
  llvm.store %b, %y : f32, !llvm.ptr<1>
  return
}

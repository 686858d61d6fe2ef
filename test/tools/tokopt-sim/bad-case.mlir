// What tok.sim says is checked before anything runs: no key is ignored, and the reference takes what the kernel does.
// RUN: split-file %s %t
// DEFINE: %{case} =
// DEFINE: %{fails} = not tokopt-sim %t/%{case}.mlir 2> %t.err && count 1 < %t.err && FileCheck %t/%{case}.mlir --input-file=%t.err
// REDEFINE: %{case} = unknown-key
// RUN: %{fails}
// REDEFINE: %{case} = unknown-argument-key
// RUN: %{fails}
// REDEFINE: %{case} = fill-of-number
// RUN: %{fails}
// REDEFINE: %{case} = grid
// RUN: %{fails}
// REDEFINE: %{case} = tolerance
// RUN: %{fails}
// REDEFINE: %{case} = tolerance-type
// RUN: %{fails}
// REDEFINE: %{case} = tolerance-alone
// RUN: %{fails}
// REDEFINE: %{case} = reference-type
// RUN: %{fails}
// REDEFINE: %{case} = fill-type
// RUN: %{fails}
// REDEFINE: %{case} = value-type
// RUN: %{fails}
// REDEFINE: %{case} = count
// RUN: %{fails}
// REDEFINE: %{case} = elements
// RUN: %{fails}
// REDEFINE: %{case} = element-type
// RUN: %{fails}
// REDEFINE: %{case} = number
// RUN: %{fails}
// REDEFINE: %{case} = result
// RUN: %{fails}
// REDEFINE: %{case} = store-out-of-bounds
// RUN: %{fails}
// REDEFINE: %{case} = load-out-of-bounds
// RUN: %{fails}
// REDEFINE: %{case} = division
// RUN: %{fails}
// REDEFINE: %{case} = division-overflow
// RUN: %{fails}
// REDEFINE: %{case} = recursion
// RUN: %{fails}
// REDEFINE: %{case} = unchecked
// RUN: %{fails}
// REDEFINE: %{case} = no-value
// RUN: %{fails}
// REDEFINE: %{case} = grid-size
// RUN: %{fails}

//--- unknown-key.mlir
// CHECK: tokopt-sim: error: {{.*}}unknown-key.mlir: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: 'tok.sim' has an unknown key 'refrence', expected one of grid, reference, tolerance
func.func @f() attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {refrence = @g}} {
  return
}

//--- unknown-argument-key.mlir
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: argument number 0: 'tok.sim' has an unknown key 'fil', expected one of name, buffer, fill
func.func @f(%x: !llvm.ptr<1> {tok.sim = {buffer = tensor<1xf32>, fil = "zero"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  return
}

//--- fill-of-number.mlir
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: argument number 0: 'tok.sim' has an unknown key 'fill', expected one of name, value
func.func @f(%x: i32 {tok.sim = {value = 1 : i32, fill = "zero"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  return
}

//--- grid.mlir
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: expects 'grid' to be an array of sizes, but got 2 : i64
func.func @f() attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {grid = 2}} {
  return
}

//--- tolerance.mlir
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: expects 'tolerance' to be finite and not negative, but got -1.000000e+00 : f64
func.func @f() attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g, tolerance = -1.0}} {
  return
}

//--- tolerance-type.mlir
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: expects 'tolerance' to be a float, but got 1 : i64
func.func @f() attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g, tolerance = 1}} {
  return
}

//--- tolerance-alone.mlir
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: expects 'reference' where there is a 'tolerance'
func.func @f() attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {tolerance = 1.0}} {
  return
}

//--- reference-type.mlir
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: expects 'reference' to be a function's symbol, but got "g"
func.func @f() attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = "g"}} {
  return
}

//--- fill-type.mlir
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: argument number 0: expects 'fill' to be a string, but got 0 : i64
func.func @f(%x: !llvm.ptr<1> {tok.sim = {buffer = tensor<1xf32>, fill = 0}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  return
}

//--- value-type.mlir
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: argument number 0: expects 'value' to be a number of the argument's type 'i32', but got 1 : i64
func.func @f(%x: i32 {tok.sim = {value = 1}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  return
}

//--- count.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {buffer = tensor<4xf32>, fill = "zero"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: expects a reference to take at most the 1 arguments of kernel 'f' and to return nothing
func.func @g(%y: memref<4xf32>, %z: memref<4xf32>) {
  return
}

//--- elements.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<4xf32>, fill = "zero"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: argument number 0, 'y': expects a memref of 4 elements of 'f32', as the kernel's buffer has, but got 'memref<100000000xf32>'
func.func @g(%y: memref<100000000xf32>) {
  return
}

//--- element-type.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<4xf32>, fill = "zero"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: argument number 0, 'y': expects a memref of 4 elements of 'f32', as the kernel's buffer has, but got 'memref<4xi32>'
func.func @g(%y: memref<4xi32>) {
  return
}

//--- number.mlir
func.func @f(%n: i32 {tok.sim = {name = "n", value = 4 : i32}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: argument number 0, 'n': expects the kernel's 'i32', which must be i32 or i64, but got 'i64'
func.func @g(%n: i64) {
  return
}

//--- result.mlir
func.func @f() attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: expects a reference to take at most the 0 arguments of kernel 'f' and to return nothing
func.func @g() -> i32 {
  %c0 = arith.constant 0 : i32
  return %c0 : i32
}

//--- store-out-of-bounds.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<128xf32>, fill = "zero"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}
func.func @g(%y: memref<128xf32>) {
  %value = arith.constant 1.0 : f32
  affine.for %i = 0 to 129 {
    // CHECK: the reference 'g' cannot be run: line [[#@LINE+1]], column 5: out of bounds, in the reference 'g'
    affine.store %value, %y[%i] : memref<128xf32>
  }
  return
}

//--- load-out-of-bounds.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<128xf32>, fill = "zero"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}
func.func @g(%y: memref<128xf32>) {
  %c0 = arith.constant 0 : index
  %far = arith.constant 100000000000 : index
  // CHECK: the reference 'g' cannot be run: line [[#@LINE+1]], column 12: out of bounds, in the reference 'g'
  %value = memref.load %y[%far] : memref<128xf32>
  memref.store %value, %y[%c0] : memref<128xf32>
  return
}

//--- division.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<2xi32>, fill = "zero"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}
func.func @g(%y: memref<2xi32>) {
  %c0 = arith.constant 0 : index
  %a = memref.load %y[%c0] : memref<2xi32>
  // CHECK: the reference 'g' cannot be run: line [[#@LINE+1]], column 8: division by zero, in the reference 'g'
  %b = arith.remui %a, %a : i32
  memref.store %b, %y[%c0] : memref<2xi32>
  return
}

//--- division-overflow.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<2xi32>, fill = "zero"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}
func.func @g(%y: memref<2xi32>) {
  %c0 = arith.constant 0 : index
  %smallest = arith.constant dense<[1, -2147483648]> : vector<2xi32>
  %less = arith.constant dense<-1> : vector<2xi32>
  %a = vector.load %y[%c0] : memref<2xi32>, vector<2xi32>
  %divisor = arith.addi %a, %less : vector<2xi32>
  // CHECK: the reference 'g' cannot be run: line [[#@LINE+1]], column 8: division of the smallest number by -1, in the reference 'g'
  %b = arith.divsi %smallest, %divisor : vector<2xi32>
  vector.store %b, %y[%c0] : memref<2xi32>, vector<2xi32>
  return
}

//--- recursion.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<2xi32>, fill = "zero"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}
// CHECK: the reference 'g' cannot be lowered: line [[#@LINE+1]], column 1: expects a reference not to call itself
func.func @g(%y: memref<2xi32>) {
  func.call @g(%y) : (memref<2xi32>) -> ()
  return
}

//--- unchecked.mlir
func.func @f(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<2xi32>, fill = "zero"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @g}} {
  return
}
func.func @g(%y: memref<2xi32>) {
  // CHECK: the reference 'g' cannot be lowered: line [[#@LINE+1]], column 11: expects no operations of LLVM in a reference: they are not checked
  %null = llvm.mlir.zero : !llvm.ptr
  %a = llvm.load %null : !llvm.ptr -> i32
  return
}

//--- no-value.mlir
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: argument number 0: expects a 'value', a number of the argument's type 'i32'
func.func @f(%n: i32 {tok.sim = {name = "n"}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  return
}

//--- grid-size.mlir
// CHECK: kernel 'f' cannot be run: line [[#@LINE+1]], column 1: expects sizes of the grid from 1 to 2147483647, 65535 and 65535, but got 65536 : i64
func.func @f() attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {grid = [1, 65536]}} {
  return
}

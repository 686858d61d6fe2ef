// RUN: tokopt-opt %s --tok-expand | FileCheck %s
// RUN: tokopt-opt %s --tok-expand --tok-expand | FileCheck %s

// A polynomial, on vectors as they are; nothing of the dialect of functions is
// left.
// CHECK-LABEL: func.func @functions(
// CHECK-NOT:     math.{{(exp|tanh|powf|cosh|log|sin)}}
// CHECK:         math.fma {{.*}} : vector<8xf32>
// CHECK-NOT:     math.{{(exp|tanh|powf|cosh|log|sin)}}
// CHECK:         return
func.func @functions(%x: vector<8xf32>, %y: f32) -> (vector<8xf32>, f32) {
  %0 = math.exp %x : vector<8xf32>
  %1 = math.tanh %0 : vector<8xf32>
  %2 = math.powf %y, %y : f32
  %3 = math.cosh %2 : f32
  %4 = math.log %3 : f32
  %5 = math.sin %4 : f32
  return %1, %5 : vector<8xf32>, f32
}

// CHECK-LABEL: func.func @divisions(
// CHECK-NOT:     {{ceildiv|floordiv}}
// CHECK:         arith.divsi
// CHECK:         return
func.func @divisions(%a: index, %b: index) -> (index, index) {
  %0 = arith.ceildivsi %a, %b : index
  %1 = arith.floordivsi %a, %b : index
  return %0, %1 : index, index
}

// CHECK-LABEL: func.func @places(
// CHECK-NOT:     {{affine|subview|expand_shape}}
// CHECK:         memref.extract_strided_metadata
// CHECK:         memref.reinterpret_cast
// CHECK:         scf.for
// CHECK:           memref.store
// CHECK-NOT:     {{affine|subview|expand_shape}}
// CHECK:         return
func.func @places(%x: memref<?x8xf32>, %i: index, %y: f32) {
  %row = memref.subview %x[%i, 0] [1, 8] [1, 1] : memref<?x8xf32> to memref<8xf32, strided<[1], offset: ?>>
  affine.for %j = 0 to 8 {
    affine.store %y, %row[%j] : memref<8xf32, strided<[1], offset: ?>>
  }
  return
}

// What is an instruction stays what it is.
// CHECK-LABEL: func.func @instructions(
// CHECK-NEXT:    math.fma
// CHECK-NEXT:    math.sqrt
// CHECK-NEXT:    math.rsqrt
// CHECK-NEXT:    math.floor
// CHECK-NEXT:    math.absf
// CHECK-NEXT:    arith.divsi
// CHECK-NEXT:    memref.load
// CHECK-NEXT:    arith.addf
// CHECK-NEXT:    return
func.func @instructions(%x: f32, %m: memref<8xf32>, %i: index, %j: index) -> (f32, index) {
  %0 = math.fma %x, %x, %x : f32
  %1 = math.sqrt %0 : f32
  %2 = math.rsqrt %1 : f32
  %3 = math.floor %2 : f32
  %4 = math.absf %3 : f32
  %5 = arith.divsi %i, %j : index
  %6 = memref.load %m[%5] : memref<8xf32>
  %7 = arith.addf %4, %6 : f32
  return %7, %5 : f32, index
}

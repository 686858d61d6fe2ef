// RUN: tokopt-opt %s --split-input-file --tok-lower-to-program | FileCheck %s

// A residual addition is the epilogue of the linear before it, and in place where nothing reads the residual any more.

tok.weight @w : tensor<64x64x!tok.q8_0> = source "m.gguf" at [0]
tok.weight @bias : tensor<64xf32> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @step(
// CHECK-SAME:    %[[X:[^:]*]]: memref<?x64xf32> {tok.slot = "frontier"}
// CHECK-SAME:    %[[OUT:[^:]*]]: memref<?x64xf32> {tok.slot = "r"}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "r"}) {
  // CHECK: tok.kernel "linear" {{.*}} weights [@w] ins(%[[X]] : memref<?x64xf32>) outs(%[[A:.*]] : memref<?x64xf32>)
  %a = tok.linear %x, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: tok.kernel "rowwise" {{.*}} ins(%[[X]] : memref<?x64xf32>) outs(%[[ROUNDED:.*]] : memref<?x{{[0-9]+}}xi8>)
  // CHECK: tok.kernel "linear" {{.*}} ins(%[[ROUNDED]] : memref<?x{{[0-9]+}}xi8>) outs(%[[B:.*]] : memref<?x64xf32>)
  %b = tok.linear %x, @w compute = <i8, block = 32> : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: tok.kernel "linear" {{.*}} weights [@w, @bias] ins(%[[B]], %[[A]] : memref<?x64xf32>, memref<?x64xf32>) outs(%[[A]] : memref<?x64xf32>)
  // CHECK-SAME: epilogue {
  // CHECK:   ^bb0(%[[SUM:.*]]: f32, %[[BIAS:.*]]: f32, %[[RESIDUAL:.*]]: f32):
  // CHECK:   %[[BIASED:.*]] = arith.addf %[[SUM]], %[[BIAS]]
  // CHECK:   arith.addf %[[RESIDUAL]], %[[BIASED]]
  %c = tok.linear %b, @w bias @bias : tensor<?x64xf32> -> tensor<?x64xf32>
  %x1 = arith.addf %a, %c : tensor<?x64xf32>
  // The other way round it is the same, but for the place of a result.
  // CHECK: tok.kernel "linear" {{.*}} weights [@w] ins(%[[A]] : memref<?x64xf32>) outs(%[[D:.*]] : memref<?x64xf32>)
  // CHECK: tok.kernel "linear" {{.*}} weights [@w] ins(%[[D]], %[[A]] : memref<?x64xf32>, memref<?x64xf32>) outs(%[[OUT]] : memref<?x64xf32>)
  %d = tok.linear %x1, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  %e = tok.linear %d, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  %x2 = arith.addf %e, %x1 : tensor<?x64xf32>
  return %x2 : tensor<?x64xf32>
}

// -----

// Not in place: the residual is an argument, which is the caller's.

tok.weight @w : tensor<64x64x!tok.q8_0> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @argument(
// CHECK-SAME:    %[[X:[^:]*]]: memref<?x64xf32> {tok.slot = "frontier"}
// CHECK-NOT: outs(%[[X]] :
func.func @argument(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "r"}) {
  %a = tok.linear %x, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  %b = tok.linear %a, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  %x1 = arith.addf %x, %b : tensor<?x64xf32>
  %y = tok.linear %x1, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// Not in place: the residual is what the linear sums, so other outputs still read it. Rounded, it is read before.

tok.weight @w : tensor<64x64x!tok.q8_0> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @summed(
func.func @summed(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "r"}) {
  // CHECK: tok.kernel "linear" {{.*}} outs(%[[A:.*]] : memref<?x64xf32>)
  %a = tok.linear %x, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: tok.kernel "linear" {{.*}} ins(%[[A]], %[[A]] : memref<?x64xf32>, memref<?x64xf32>)
  // CHECK-NOT: outs(%[[A]] :
  %b = tok.linear %a, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  %x1 = arith.addf %a, %b : tensor<?x64xf32>
  // CHECK: tok.kernel "linear" {{.*}} outs(%[[C:.*]] : memref<?x64xf32>)
  %c = tok.linear %x1, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: tok.kernel "rowwise" {{.*}} ins(%[[C]] : memref<?x64xf32>) outs(%[[ROUNDED:.*]] : memref<?x{{[0-9]+}}xi8>)
  // CHECK: tok.kernel "linear" {{.*}} ins(%[[ROUNDED]], %[[C]] : memref<?x{{[0-9]+}}xi8>, memref<?x64xf32>) outs(%[[C]] : memref<?x64xf32>)
  %d = tok.linear %c, @w compute = <i8, block = 32> : tensor<?x64xf32> -> tensor<?x64xf32>
  %x2 = arith.addf %c, %d : tensor<?x64xf32>
  %y = tok.linear %x2, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// Not in place: a norm of rows taken from the residual is not computed yet.

tok.weight @norm : tensor<64xf32> = source "m.gguf" at [0]
tok.weight @w : tensor<64x64x!tok.q8_0> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @pending(
func.func @pending(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "r"}, tensor<?x64xf32> {tok.slot = "s"}) {
  // CHECK: tok.kernel "linear" {{.*}} outs(%[[A:.*]] : memref<?x64xf32>)
  %a = tok.linear %x, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  %t = tok.take %a, %out : tensor<?x64xf32>, tensor<?xi32>
  %n = tok.norm %t, @norm rms eps = 1.0e-5 : tensor<?x64xf32>
  // CHECK: tok.kernel "linear" {{.*}} outs(%[[C:.*]] : memref<?x64xf32>)
  %c = tok.linear %x, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: tok.kernel "linear" {{.*}} ins(%[[C]], %[[A]] : memref<?x64xf32>, memref<?x64xf32>)
  // CHECK-NOT: outs(%[[A]] :
  %b = tok.linear %c, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  %x1 = arith.addf %a, %b : tensor<?x64xf32>
  %y = tok.linear %x1, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: tok.kernel "rowwise" {{.*}} weights [@norm] ins(%[[A]], %{{.*}} : memref<?x64xf32>, memref<?xi32>)
  %z = tok.linear %n, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  return %y, %z : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// Not in place: the caller gets the residual too.

tok.weight @w : tensor<64x64x!tok.q8_0> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @returned(
// CHECK-SAME:    %[[R:[^:]*]]: memref<?x64xf32> {tok.slot = "r"}
// CHECK-SAME:    %[[S:[^:]*]]: memref<?x64xf32> {tok.slot = "s"}
func.func @returned(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "r"}, tensor<?x64xf32> {tok.slot = "s"}) {
  // CHECK: tok.kernel "linear" {{.*}} outs(%[[R]] : memref<?x64xf32>)
  %a = tok.linear %x, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  %b = tok.linear %x, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: tok.kernel "linear" {{.*}} outs(%[[S]] : memref<?x64xf32>)
  %x1 = arith.addf %a, %b : tensor<?x64xf32>
  return %a, %x1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// RUN: tokopt-opt %s --split-input-file --tok-lower-to-program | FileCheck %s

// Results become outputs that the caller gives. A norm is computed into what each reader needs: rounded for a linear
// in i8, f32 for the caller. A result that takes the place of an argument is copied there at the end.

tok.weight @norm : tensor<64xf32> = source "m.gguf" at [0]
tok.weight @w : tensor<32x64x!tok.q8_0> = source "m.gguf" at [0]

// CHECK: tok.program = {caches = [], logits_stride = 32 : i64}
// CHECK-LABEL: func.func @step(
// CHECK-SAME:    %[[IDS:[^:]*]]: memref<?xi32> {tok.slot = "ids"}
// CHECK-SAME:    %[[X:[^:]*]]: memref<?x64xf32> {tok.slot = "frontier"}
// CHECK-SAME:    %[[LOGITS:[^:]*]]: memref<?x32xf32> {tok.slot = "logits"}) {
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x32xf32> {tok.slot = "logits"}, tensor<?x64xf32> {tok.slot = "frontier"}) {
  // CHECK: %[[ROWS:.*]] = memref.dim %[[IDS]], %{{.*}}
  // CHECK: %[[ROUNDED:.*]] = tok.buffer : memref<?x{{[0-9]+}}xi8>
  // CHECK: tok.kernel "rowwise" rows(%{{.*}} to %[[ROWS]]) weights [@norm] ins(%[[X]] : memref<?x64xf32>) outs(%[[ROUNDED]] : memref<?x{{[0-9]+}}xi8>) {columns = 64 : i64} prologue {
  // CHECK:   ^bb0(%[[V:.*]]: f32, %[[W:.*]]: f32):
  // CHECK:   %[[SQUARE:.*]] = arith.mulf %[[V]], %[[V]]
  // CHECK:   %[[SUM:.*]] = tok.reduce_row %[[SQUARE]]
  // CHECK:   arith.divf %[[SUM]], %{{.*}}
  // CHECK:   math.sqrt
  // CHECK:   tok.yield
  // CHECK: tok.kernel "linear" rows(%{{.*}} to %[[ROWS]]) weights [@w] ins(%[[ROUNDED]] : memref<?x{{[0-9]+}}xi8>) outs(%[[LOGITS]] : memref<?x32xf32>) {compute = "i8", inputs = 64 : i64, matrices = 1 : i64, outputs = 32 : i64}
  // CHECK: tok.kernel "rowwise" {{.*}} weights [@norm] ins(%[[X]] : memref<?x64xf32>) outs(%[[X]] : memref<?x64xf32>)
  // CHECK: return
  %n = tok.norm %x, @norm rms eps = 1.0e-5 : tensor<?x64xf32>
  %y = tok.linear %n, @w compute = <i8, block = 32> : tensor<?x64xf32> -> tensor<?x32xf32>
  return %y, %n : tensor<?x32xf32>, tensor<?x64xf32>
}

// -----

tok.weight @w : tensor<64x64x!tok.q8_0> = source "m.gguf" at [0]

// A linear does not write where its input stands.
// CHECK-LABEL: func.func @step(
// CHECK-SAME:    %[[X:[^:]*]]: memref<?x64xf32> {tok.slot = "frontier"}
// CHECK-SAME:    %[[A:[^:]*]]: memref<?x64xf32> {tok.slot = "a"}
// CHECK-SAME:    %[[B:[^:]*]]: memref<?x64xf32> {tok.slot = "b"}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "frontier"}, tensor<?x64xf32> {tok.slot = "a"}, tensor<?x64xf32> {tok.slot = "b"}) {
  // CHECK: tok.kernel "linear" {{.*}} ins(%[[X]] : memref<?x64xf32>) outs(%[[A]] : memref<?x64xf32>)
  %y = tok.linear %x, @w : tensor<?x64xf32> -> tensor<?x64xf32>
  // What came in goes out before its place is taken, and a value may go to two places.
  // CHECK: tok.kernel "rowwise" {{.*}} ins(%[[X]] : memref<?x64xf32>) outs(%[[B]] : memref<?x64xf32>)
  // CHECK: tok.kernel "rowwise" {{.*}} ins(%[[A]] : memref<?x64xf32>) outs(%[[X]] : memref<?x64xf32>)
  return %y, %y, %x : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// One rounded copy of a norm serves all its readers.

tok.weight @norm : tensor<64xf32> = source "m.gguf" at [0]
tok.weight @q : tensor<32x64x!tok.q8_0> = source "m.gguf" at [0]
tok.weight @k : tensor<16x64x!tok.q4_1> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @step(
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x32xf32> {tok.slot = "a"}, tensor<?x16xf32> {tok.slot = "b"}) {
  // CHECK-COUNT-1: tok.kernel "rowwise"
  // CHECK-NOT: tok.kernel "rowwise"
  // CHECK: tok.kernel "linear" {{.*}} weights [@q] ins(%[[ROUNDED:.*]] : memref<?x{{[0-9]+}}xi8>)
  // CHECK-NOT: tok.kernel "rowwise"
  // CHECK: tok.kernel "linear" {{.*}} weights [@k] ins(%[[ROUNDED]] : memref<?x{{[0-9]+}}xi8>)
  %n = tok.norm %x, @norm rms eps = 1.0e-5 : tensor<?x64xf32>
  %q = tok.linear %n, @q compute = <i8, block = 32> : tensor<?x64xf32> -> tensor<?x32xf32>
  %k = tok.linear %n, @k compute = <i8, block = 32> : tensor<?x64xf32> -> tensor<?x16xf32>
  return %q, %k : tensor<?x32xf32>, tensor<?x16xf32>
}

// -----

// Gate and up are one linear of two matrices, each in its own format.

tok.weight @gate : tensor<96x256x!tok.q4_1> = source "m.gguf" at [0]
tok.weight @up : tensor<96x256x!tok.q6_k> = source "m.gguf" at [0]
tok.weight @b : tensor<96xf32> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @step(
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x256xf32> {tok.slot = "frontier"})
    -> (tensor<?x96xf32> {tok.slot = "r"}, tensor<?x96xf32> {tok.slot = "s"}) {
  // CHECK: tok.kernel "linear" {{.*}} weights [@gate, @up] ins(%{{.*}} : memref<?x256xf32>) outs({{.*}}) {compute = "f32", inputs = 256 : i64, matrices = 2 : i64, outputs = 96 : i64} epilogue {
  // CHECK: ^bb0(%[[G:.*]]: f32, %[[U:.*]]: f32):
  // CHECK: arith.negf %[[G]]
  // CHECK: math.exp
  // CHECK: arith.divf %[[G]]
  // CHECK: arith.mulf %{{.*}}, %[[U]]
  // CHECK-NOT: tok.kernel "rowwise"
  %g = tok.linear %x, @gate : tensor<?x256xf32> -> tensor<?x96xf32>
  %u = tok.linear %x, @up : tensor<?x256xf32> -> tensor<?x96xf32>
  %h = tok.gated %g, %u silu : tensor<?x96xf32>
  // CHECK: tok.kernel "linear" {{.*}} weights [@gate, @up, @b, @b]
  // CHECK: ^bb0(%[[G:.*]]: f32, %[[U:.*]]: f32, %[[B:.*]]: f32, %[[C:.*]]: f32):
  // CHECK: arith.addf %[[G]], %[[B]]
  // CHECK: arith.addf %[[U]], %[[C]]
  %g1 = tok.linear %x, @gate bias @b : tensor<?x256xf32> -> tensor<?x96xf32>
  %u1 = tok.linear %x, @up bias @b : tensor<?x256xf32> -> tensor<?x96xf32>
  %h1 = tok.gated %g1, %u1 gelu_tanh : tensor<?x96xf32>
  return %h, %h1 : tensor<?x96xf32>, tensor<?x96xf32>
}

// -----

// Not when somebody else reads the gate, or when only one is rounded: then each stands alone.

tok.weight @gate : tensor<96x64x!tok.q4_1> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @step(
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x96xf32> {tok.slot = "r"}, tensor<?x96xf32> {tok.slot = "s"}, tensor<?x96xf32> {tok.slot = "t"}) {
  // CHECK-COUNT-2: matrices = 1 : i64, outputs = 96 : i64}
  // CHECK: tok.kernel "rowwise" {{.*}} ins(%{{.*}}, %{{.*}} : memref<?x96xf32>, memref<?x96xf32>)
  %g = tok.linear %x, @gate : tensor<?x64xf32> -> tensor<?x96xf32>
  %u = tok.linear %x, @gate : tensor<?x64xf32> -> tensor<?x96xf32>
  %h = tok.gated %g, %u silu : tensor<?x96xf32>
  // CHECK-COUNT-2: matrices = 1 : i64, outputs = 96 : i64}
  // CHECK: tok.kernel "rowwise" {{.*}} ins(%{{.*}}, %{{.*}} : memref<?x96xf32>, memref<?x96xf32>)
  %g1 = tok.linear %x, @gate : tensor<?x64xf32> -> tensor<?x96xf32>
  %u1 = tok.linear %x, @gate compute = <i8, block = 32> : tensor<?x64xf32> -> tensor<?x96xf32>
  %h1 = tok.gated %g1, %u1 silu : tensor<?x96xf32>
  return %h, %h1, %g : tensor<?x96xf32>, tensor<?x96xf32>, tensor<?x96xf32>
}

// -----

// Take and norm are one kernel that gathers, over the rows that ask.

tok.weight @norm : tensor<64xf32> = source "m.gguf" at [0]
tok.weight @w : tensor<32x64x!tok.q8_0> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @step(
// CHECK-SAME:    %[[OUT:[^:]*]]: memref<?xi32> {tok.slot = "out"}
// CHECK-SAME:    %[[X:[^:]*]]: memref<?x64xf32> {tok.slot = "frontier"}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"},
                %x: tensor<?x64xf32> {tok.slot = "frontier"}) -> (tensor<?x32xf32> {tok.slot = "logits"}) {
  // CHECK: %[[ASKED:.*]] = memref.dim %[[OUT]]
  // CHECK: tok.kernel "rowwise" rows(%{{.*}} to %[[ASKED]]) weights [@norm] ins(%[[X]], %[[OUT]] : memref<?x64xf32>, memref<?xi32>) outs(%[[N:.*]] : memref<?x64xf32>) {columns = 64 : i64, gather} prologue {
  // CHECK: tok.kernel "linear" rows(%{{.*}} to %[[ASKED]]) weights [@w] ins(%[[N]] : memref<?x64xf32>)
  %z = tok.take %x, %out : tensor<?x64xf32>, tensor<?xi32>
  %n = tok.norm %z, @norm rms eps = 1.0e-5 : tensor<?x64xf32>
  %y = tok.linear %n, @w : tensor<?x64xf32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// An elementwise op is a kernel of that op.

// CHECK-LABEL: func.func @step(
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"})
    -> (tensor<?x64xf32> {tok.slot = "r"}) {
  // CHECK: tok.kernel "rowwise"
  // CHECK: ^bb0(%[[V:.*]]: f32):
  // CHECK: %[[E:.*]] = math.exp %[[V]] : f32
  // CHECK: tok.yield %[[E]]
  %e = math.exp %x : tensor<?x64xf32>
  // Nobody reads this one.
  // CHECK-NOT: math.sqrt
  %unused = math.sqrt %x : tensor<?x64xf32>
  // CHECK: arith.mulf %{{.*}}, %{{.*}} : f32
  %m = arith.mulf %e, %x : tensor<?x64xf32>
  return %m : tensor<?x64xf32>
}

// -----

// Each op names its layer, wherever it stands, and two of different layers are two kernels.

tok.weight @w layers = [0-1] : tensor<64x64x!tok.q8_0> = source "m.gguf" at [0, 1]

// CHECK-LABEL: func.func @step(
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}) -> (tensor<?x64xf32> {tok.slot = "r"}) {
  // CHECK-DAG: %[[A:.*]] = arith.constant {layer = "first"} 0 : index
  // CHECK-DAG: %[[B:.*]] = arith.constant {layer = "second"} 1 : index
  %a = arith.constant {layer = "first"} 0 : index
  %b = arith.constant {layer = "second"} 1 : index
  // CHECK: tok.kernel "linear" {{.*}} layer(%[[A]]) weights [@w]
  // CHECK: tok.kernel "linear" {{.*}} layer(%[[B]]) weights [@w]
  %g = tok.linear %x, @w[%a] : tensor<?x64xf32> -> tensor<?x64xf32>
  %u = tok.linear %x, @w[%b] : tensor<?x64xf32> -> tensor<?x64xf32>
  %h = tok.gated %g, %u silu : tensor<?x64xf32>
  return %h : tensor<?x64xf32>
}

// -----

// Heads of an argument or a result lie side by side in a row.

// CHECK-LABEL: func.func @step(
// CHECK-SAME: memref<?x192xf32> {tok.slot = "frontier"}
// CHECK-SAME: memref<?x192xf32> {tok.slot = "r"}
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x3x64xf32> {tok.slot = "frontier"}) -> (tensor<?x3x64xf32> {tok.slot = "r"}) {
  %y = arith.addf %x, %x : tensor<?x3x64xf32>
  return %y : tensor<?x3x64xf32>
}

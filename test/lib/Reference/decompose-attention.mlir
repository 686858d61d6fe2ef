// RUN: tokopt-opt %s --tok-decompose | FileCheck %s

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f16, v = 16 x i8, page = 64,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
    columns = [pos], digests = []>

// For each row and head: the largest score of the pages, then the sums.
// CHECK-LABEL: func.func @causal(
// CHECK-SAME:    %[[Q:.*]]: tensor<?x3x32xf32>, %[[KEYS:.*]]: tensor<?x2x1x32x64xf16>, %[[VALUES:.*]]: tensor<?x2x1x64x16xi8>,
// CHECK-SAME:    %[[SCALES:.*]]: tensor<?x2x1x64xf32>, %[[TABLE:.*]]: tensor<?x?xi32>,
// CHECK:         scf.for
// CHECK-NOT:       arith.maxui
// CHECK:           scf.for
// CHECK:             tensor.extract_slice %[[Q]]
// CHECK:             scf.for
// CHECK:               tensor.extract %[[TABLE]]
// CHECK:               tensor.extract_slice %[[KEYS]]{{.*}} to tensor<32x64xf16>
// CHECK:               math.fma
// CHECK:               arith.maxnumf
// CHECK:             scf.for
// CHECK:               math.exp
// CHECK:               tensor.extract_slice %[[VALUES]]{{.*}} to tensor<64x16xi8>
// CHECK:               tensor.extract_slice %[[SCALES]]{{.*}} to tensor<64xf32>
// CHECK:               arith.sitofp {{.*}} : i8 to f32
// CHECK:               math.fma
// CHECK:             arith.divf
// CHECK:             tensor.insert_slice {{.*}} tensor<16xf32> into tensor<?x3x16xf32>
func.func @causal(%q: tensor<?x3x32xf32>, %kv: !kv, %rows: !tok.rows<pos, seq>)
    -> tensor<?x3x16xf32> {
  %l = arith.constant 0 : index
  %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125
      : tensor<?x3x32xf32>, !kv, !tok.rows<pos, seq> -> tensor<?x3x16xf32>
  return %a : tensor<?x3x16xf32>
}

// The log of the sum is kept on request.
// CHECK-LABEL: func.func @lse(
// CHECK:         math.log
// CHECK:         tensor.insert %{{.*}} : tensor<?x3xf32>
func.func @lse(%q: tensor<?x3x32xf32>, %kv: !kv, %rows: !tok.rows<pos, seq>)
    -> tensor<?x3xf32> {
  %l = arith.constant 0 : index
  %a, %lse = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos), window<100>> scale = 0.125
      : tensor<?x3x32xf32>, !kv, !tok.rows<pos, seq> -> tensor<?x3x16xf32> lse tensor<?x3xf32>
  return %lse : tensor<?x3xf32>
}

// Probabilities are added where the sum so far stands, and to zeros. A run ends where there is no place for them.
// CHECK-LABEL: func.func @probabilities(
// CHECK-SAME:    %[[Q:[^:]*]]: tensor<?x3x32xf32>,
// CHECK-SAME:    %[[MASS:[^:]*]]: tensor<2x3x100xf32>, %[[N:[^:]*]]: index
// CHECK:         %[[ZEROS:.*]] = linalg.fill {{.*}} -> tensor<?x3x100xf32>
// CHECK:         arith.cmpi eq, %{{.*}}, %[[N]]
// CHECK:         cf.assert %{{.*}}, "tok.attention: window_probs has not as many slots as slots says"
// CHECK:         scf.for {{.*}} iter_args(%{{[^ ]*}} = %{{[^ ]*}}, %{{[^ ]*}} = %[[MASS]], %{{[^ ]*}} = %[[ZEROS]])
// CHECK:           cf.assert %{{.*}}, "tok.attention: key_mass has not the sequence of a row"
// CHECK:           cf.assert %{{.*}}, "tok.attention: a row sees more slots than key_mass has"
// CHECK:           cf.assert %{{.*}}, "tok.attention: a row sees more slots than window_probs has"
// CHECK:           scf.for
// CHECK-NOT:         math.log
// CHECK:             tensor.insert_slice {{.*}} tensor<?xf32> into tensor<2x3x100xf32>
// CHECK:             tensor.insert_slice {{.*}} tensor<?xf32> into tensor<?x3x100xf32>
func.func @probabilities(%q: tensor<?x3x32xf32>, %kv: !kv, %rows: !tok.rows<pos, seq>,
    %m: tensor<2x3x100xf32>, %n: index) -> (tensor<2x3x100xf32>, tensor<?x3x100xf32>) {
  %l = arith.constant 0 : index
  %a, %mass, %probs = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125
      key_mass(%m : tensor<2x3x100xf32>) slots(%n)
      : tensor<?x3x32xf32>, !kv, !tok.rows<pos, seq> -> tensor<?x3x16xf32> key_mass tensor<2x3x100xf32>
        window_probs tensor<?x3x100xf32>
  return %mass, %probs : tensor<2x3x100xf32>, tensor<?x3x100xf32>
}

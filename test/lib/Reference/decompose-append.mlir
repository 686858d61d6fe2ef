// RUN: tokopt-opt %s --tok-decompose --split-input-file | FileCheck %s

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f16, v = 16 x f16, page = 64,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
    columns = [pos], digests = []>

// The page holds keys [L, G, D, S] and values [L, G, S, D]; a row goes to the
// slot of its position, in the page that the table of its sequence names.
// CHECK-LABEL: func.func @half(
// CHECK-SAME:    %[[KEYS:.*]]: tensor<?x2x1x32x64xf16>, %[[VALUES:.*]]: tensor<?x2x1x64x16xf16>,
// CHECK-SAME:    %[[TABLE:.*]]: tensor<?x?xi32>, %[[POS:.*]]: tensor<?xi32>, %[[SEQ:.*]]: tensor<?xi32>,
// CHECK-SAME:    -> (tensor<?x2x1x32x64xf16>, tensor<?x2x1x64x16xf16>, tensor<?x?xi32>)
// CHECK:         %[[OUT:.*]]:2 = scf.for %[[T:.*]] = {{.*}} iter_args(%[[K:.*]] = %[[KEYS]], %[[V:.*]] = %[[VALUES]])
// CHECK:           tensor.extract %[[POS]][%[[T]]]
// CHECK:           tensor.extract %[[SEQ]][%[[T]]]
// CHECK:           %[[PAGE32:.*]] = tensor.extract %[[TABLE]]
// CHECK:           %[[PAGE:.*]] = arith.index_castui %[[PAGE32]]
// CHECK:           %[[SLOT:.*]] = arith.remui
// CHECK:           arith.truncf {{.*}} : f32 to f16
// CHECK:           tensor.insert_slice %{{.*}} into %[[K]][%[[PAGE]], %{{.*}}, 0, 0, %[[SLOT]]] [1, 1, 1, 32, 1]
// CHECK:           tensor.insert_slice %{{.*}} into %[[V]][%[[PAGE]], %{{.*}}, 0, %[[SLOT]], 0] [1, 1, 1, 1, 16]
// CHECK:         return %[[OUT]]#0, %[[OUT]]#1, %[[TABLE]]
func.func @half(%kv: !kv, %rows: !tok.rows<pos, seq>, %k: tensor<?x1x32xf32>,
                %v: tensor<?x1x16xf32>) -> !kv {
  %l = arith.constant 0 : index
  %kv1 = tok.append %kv[%l], %rows, %k, %v
      : !kv, !tok.rows<pos, seq>, tensor<?x1x32xf32>, tensor<?x1x16xf32>
  return %kv1 : !kv
}

// -----

!kv = !tok.cache<layers = [3, 5], heads = 2, k = 32 x i8, v = 32 x f32, page = 128,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
    columns = [pos], digests = []>

// Bytes have a plane of scales; layers that do not follow each other are looked
// up.
// CHECK-LABEL: func.func @bytes(
// CHECK-SAME:    %[[KEYS:.*]]: tensor<?x2x2x32x128xi8>, %[[VALUES:.*]]: tensor<?x2x2x128x32xf32>, %[[SCALES:.*]]: tensor<?x2x2x128xf32>,
// CHECK:         arith.constant dense<[0, 0, 0, 0, 0, 1]> : tensor<6xi64>
// CHECK:         scf.for {{.*}} iter_args(%{{.*}} = %[[KEYS]], %{{.*}} = %[[SCALES]], %{{.*}} = %[[VALUES]])
// CHECK:           math.absf
// CHECK:           math.roundeven
// CHECK:           arith.fptosi {{.*}} : f32 to i8
func.func @bytes(%kv: !kv, %rows: !tok.rows<pos, seq>, %k: tensor<?x2x32xf32>,
                 %v: tensor<?x2x32xf32>) -> !kv {
  %l = arith.constant 5 : index
  %kv1 = tok.append %kv[%l], %rows, %k, %v
      : !kv, !tok.rows<pos, seq>, tensor<?x2x32xf32>, tensor<?x2x32xf32>
  return %kv1 : !kv
}

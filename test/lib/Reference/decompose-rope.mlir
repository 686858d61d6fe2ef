// RUN: tokopt-opt %s --tok-decompose --split-input-file | FileCheck %s

// The angle in f64, reduced, then cosine and sine of the f32.
// CHECK-LABEL: func.func @adjacent(
// CHECK-SAME:    %[[X:.*]]: tensor<?x3x32xf32>, %[[POS:.*]]: tensor<?xi32>, %[[SEQ:.*]]: tensor<?xi32>)
// CHECK-DAG:     %[[T:.*]] = tensor.dim %[[X]]
// CHECK-DAG:     %[[N:.*]] = tensor.dim %[[POS]]
// CHECK:         %[[SAME:.*]] = arith.cmpi eq, %[[T]], %[[N]]
// CHECK-NEXT:    cf.assert %[[SAME]], "tok.rope: the input has not the rows of the columns"
// CHECK:         linalg.generic {{.*}} ins(%[[POS]], %{{.*}} : tensor<?xi32>, tensor<16xf64>)
// CHECK:           math.roundeven {{.*}} : f64
// CHECK:           arith.truncf {{.*}} : f64 to f32
// CHECK:           math.cos
// CHECK:           math.sin
// CHECK-DAG:     tensor.extract_slice %[[X]][0, 0, 0] [%{{.*}}, 3, 16] [1, 1, 2]
// CHECK-DAG:     tensor.extract_slice %[[X]][0, 0, 1] [%{{.*}}, 3, 16] [1, 1, 2]
// CHECK:         tensor.insert_slice
// CHECK:         tensor.insert_slice
func.func @adjacent(%q: tensor<?x3x32xf32>, %rows: !tok.rows<pos, seq>) -> tensor<?x3x32xf32> {
  %r = tok.rope %q, %rows adjacent base = 1.0e4 dims = 32
      : tensor<?x3x32xf32>, !tok.rows<pos, seq>
  return %r : tensor<?x3x32xf32>
}

// -----

// Only the first 16 of 32 elements rotate.
// CHECK-LABEL: func.func @partial_halves(
// CHECK-SAME:    %[[X:.*]]: tensor<?x1x32xf32>
// CHECK-DAG:     tensor.extract_slice %[[X]][0, 0, 0] [%{{.*}}, 1, 8] [1, 1, 1]
// CHECK-DAG:     tensor.extract_slice %[[X]][0, 0, 8] [%{{.*}}, 1, 8] [1, 1, 1]
// CHECK:         tensor.insert_slice {{.*}} into %[[X]][0, 0, 0]
func.func @partial_halves(%q: tensor<?x1x32xf32>, %rows: !tok.rows<seq, pos>) -> tensor<?x1x32xf32> {
  %r = tok.rope %q, %rows halves base = 1.0e4 dims = 16
      : tensor<?x1x32xf32>, !tok.rows<seq, pos>
  return %r : tensor<?x1x32xf32>
}

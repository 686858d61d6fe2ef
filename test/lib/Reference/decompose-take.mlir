// RUN: tokopt-opt %s --tok-decompose | FileCheck %s

// CHECK-LABEL: func.func @take(
// CHECK-SAME:    %[[Y:.*]]: tensor<?x96xf32>, %[[OUT:.*]]: tensor<?xi32>)
// CHECK:         linalg.generic {{.*}} ins(%[[OUT]] : tensor<?xi32>)
// CHECK:           %[[ROW:.*]] = arith.index_castui
// CHECK:           tensor.extract %[[Y]][%[[ROW]], %{{.*}}]
// CHECK-NOT:     linalg.generic
func.func @take(%y: tensor<?x96xf32>, %out: tensor<?xi32>) -> tensor<?x96xf32> {
  %z = tok.take %y, %out : tensor<?x96xf32>, tensor<?xi32>
  return %z : tensor<?x96xf32>
}

// The columns go with the rows.
// CHECK-LABEL: func.func @with_rows(
// CHECK-SAME:    %[[Y:.*]]: tensor<?x96xf32>, %{{.*}}: tensor<?xi32>, %[[POS:.*]]: tensor<?xi32>, %[[SEQ:.*]]: tensor<?xi32>)
// CHECK:         tensor.extract %[[Y]]
// CHECK:         %[[NEWPOS:.*]] = linalg.generic
// CHECK:           tensor.extract %[[POS]]
// CHECK:         %[[NEWSEQ:.*]] = linalg.generic
// CHECK:           tensor.extract %[[SEQ]]
// CHECK:         return %{{.*}}, %[[NEWPOS]], %[[NEWSEQ]] : tensor<?x96xf32>, tensor<?xi32>, tensor<?xi32>
func.func @with_rows(%y: tensor<?x96xf32>, %out: tensor<?xi32>, %rows: !tok.rows<pos, seq>)
    -> (tensor<?x96xf32>, !tok.rows<pos, seq>) {
  %z, %taken = tok.take %y, %out, %rows : tensor<?x96xf32>, tensor<?xi32>, !tok.rows<pos, seq>
  return %z, %taken : tensor<?x96xf32>, !tok.rows<pos, seq>
}

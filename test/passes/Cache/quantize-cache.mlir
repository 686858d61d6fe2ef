// RUN: tokopt-opt %s --tok-quantize-cache | FileCheck %s --check-prefixes=CHECK,F16
// RUN: tokopt-opt %s --tok-quantize-cache=format=i8 | FileCheck %s --check-prefixes=CHECK,I8
// RUN: tokopt-opt %s > %t.before
// RUN: tokopt-opt %s --tok-quantize-cache=format=f32 | diff %t.before -
// RUN: not tokopt-opt %s --tok-quantize-cache=format=bf16 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: tokopt-opt %s --tok-quantize-cache --remarks-filter=tok-quantize-cache 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// Running it again changes nothing, and another format takes the place of the first.
// RUN: tokopt-opt %s --tok-quantize-cache > %t.once
// RUN: tokopt-opt %t.once --tok-quantize-cache | diff %t.once -
// RUN: tokopt-opt %t.once --tok-quantize-cache=format=f32 | diff %t.before -

// RUN: tokopt-opt %s --tok-quantize-cache=format=f32 --remarks-filter=tok-quantize-cache 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=SAME
// RUN: echo 'module {}' | tokopt-opt --tok-quantize-cache --remarks-filter=tok-quantize-cache 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=NONE

// SAME: remark: [Missed] QuantizeCache{{.*}}Remark="keys and values are stored so already"
// NONE: remark: [Missed] QuantizeCache{{.*}}Remark="the module has no cache"
// BAD: error: tok-quantize-cache: expects format = f16, i8 or f32, but got 'bf16'

// All but the element types stays.
// F16: !kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f16, v = 16 x f16, page = 128, keys = pre_rope, window = 512, sinks = 4, residual = 0, tables = shared, columns = [pos], digests = []>
// I8: !kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x i8, v = 16 x i8, page = 128,
!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 16 x f32, page = 128, keys = pre_rope, window = 512, sinks = 4, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

// Functions, stacks and what they call agree on the new type.
// CHECK-LABEL: func.func private @decoder
// CHECK-SAME: %{{.*}}: !kv, %{{.*}}: index) -> (tensor<?x8xf32>, !kv)
func.func private @decoder(%x: tensor<?x8xf32>, %rows: !rows, %kv: !kv, %l: index) -> (tensor<?x8xf32>, !kv) attributes {tok.kind} {
  return %x, %kv : tensor<?x8xf32>, !kv
}

// CHECK-LABEL: func.func @step
// CHECK-SAME: %{{.*}}: !kv {tok.slot = "kv"}
func.func @step(%x: tensor<?x8xf32>, %q: tensor<?x3x32xf32>, %k: tensor<?x1x32xf32>, %v: tensor<?x1x16xf32>,
                %rows: !rows, %kv: !kv {tok.slot = "kv"}, %n: index) -> (tensor<?x3x16xf32>, !kv {tok.slot = "kv"}) {
  %c0 = arith.constant 0 : index
  // CHECK: tok.append {{.*}} : !kv, <pos, seq>, tensor<?x1x32xf32>, tensor<?x1x16xf32>
  %kv1 = tok.append %kv[%c0], %rows, %k, %v : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x16xf32>
  // CHECK: tok.attention {{.*}} : tensor<?x3x32xf32>, !kv, <pos, seq> -> tensor<?x3x16xf32>
  %a = tok.attention %q, %kv1[%c0], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x16xf32>
  // CHECK: tok.stack {{.*}} : tensor<?x8xf32>, <pos, seq>, !kv
  %y, %f, %kv2 = tok.stack %x, %rows, %kv1 frontier(%x) rows(%n, %n, %n) [@decoder for 0-1] : tensor<?x8xf32>, !rows, !kv
  return %a, %kv2 : tensor<?x3x16xf32>, !kv
}

// A module without a cache stays as it is.
// CHECK-LABEL: func.func @no_cache
// CHECK-SAME: (%{{.*}}: tensor<?x8xf32>) -> tensor<?x8xf32>
func.func @no_cache(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}

// REMARK: remark: [Passed] QuantizeCache | Category:tok-quantize-cache{{.*}}Remark="changed how keys and values are stored"

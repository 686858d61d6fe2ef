// What of a model the target cuda has, and what it has not: one error says so.
// RUN: split-file %s %t
// RUN: tokopt-opt %t/norm.mlir --tok-program-pipeline=target=cuda | FileCheck %s --check-prefix=PROGRAM
// RUN: tokopt-opt %t/norm.mlir --tok-program-pipeline=target=cuda "--tok-choose-kernels=target=sm_80 print" 2>&1 >/dev/null | FileCheck %s --check-prefix=PRINT
// RUN: tokopt-opt %t/norm.mlir --tok-program-pipeline=target=cuda -o %t/program.mlir
// RUN: tokopt-kernels %t/program.mlir --emit=ptx | FileCheck %s --check-prefix=PTX
// RUN: not tokopt-opt %t/norm.mlir --tok-program-pipeline=target=cuda --tok-kernel-pipeline=target=sm_80 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not tokopt-opt %t/linear.mlir --tok-program-pipeline=target=cuda --tok-choose-kernels=target=sm_80 2>&1 | FileCheck %s --check-prefix=LINEAR
// RUN: tokopt-opt %t/linear.mlir --tok-plan-image=target=cuda | FileCheck %s --check-prefix=PACKED
// RUN: not tokopt-opt %t/weight.mlir --tok-plan-image=target=cuda 2>&1 | FileCheck %s --check-prefix=WEIGHT
// RUN: not tokopt-opt %t/embed.mlir --tok-program-pipeline=target=cuda 2>&1 | FileCheck %s --check-prefix=EMBED
// RUN: not tokopt-opt %t/embed.mlir --tok-program-pipeline --tok-choose-kernels=target=sm_80 2>&1 | FileCheck %s --check-prefix=EMBED
// RUN: tokopt-opt %t/linear.mlir --tok-quantize-activations --tok-lower-to-program=target=cuda -o %t/rounded.mlir
// RUN: FileCheck %s --check-prefix=ROUNDED --input-file=%t/rounded.mlir
// RUN: not tokopt-opt %t/rounded.mlir --tok-choose-kernels=target=sm_80 2>&1 | FileCheck %s --check-prefix=READER
// RUN: tokopt-opt %t/cache.mlir --tok-lower-to-program=target=cuda | FileCheck %s --check-prefix=CACHE
// RUN: tokopt-opt %t/attention.mlir --tok-program-pipeline=target=cuda -o %t/attention-program.mlir
// RUN: FileCheck %s --check-prefix=ATTENTION --input-file=%t/attention-program.mlir
// RUN: tokopt-kernels %t/attention-program.mlir --emit=ptx | FileCheck %s --check-prefix=ATTENTION-PTX
// RUN: not tokopt-opt %t/norm.mlir --tok-program-pipeline=target=tpu 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// PROGRAM:     tok.weight @w {{.*}} image [0]
// PROGRAM-NOT: scf.if
// PROGRAM:     tok.kernel "rowwise"
// PRINT:       rowwise {{.*}}: a block a row
// PTX:         .entry rowwise_0(
// ENTRY:       norm.mlir:2:{{.*}} error: 'func.func' op cannot call kernels of the target 'cuda' yet; tokopt-kernels emits them one by one
// LINEAR:      linear.mlir:4:{{.*}} error: 'tok.kernel' op computes in f32, which has no CUDA template: expects compute = f16
// LINEAR-NOT:  error:
// PACKED:      tok.weight @w {{.*}} image [0]
// PACKED:      tok.weight @v {{.*}} image [5760]
// WEIGHT:      weight.mlir:1:{{.*}} error: 'tok.weight' op cannot be packed: the target 'cuda' has no layout for 'tensor<96x96xf32>' yet
// EMBED:       embed.mlir:3:{{.*}} error: 'tok.kernel' op has the family 'embed', but the target 'cuda' has templates for {{.*}}rowwise{{.*}} only
// EMBED-NOT:   error:
// ROUNDED:     tok.kernel "rowwise" {{.*}} outs({{.*}} : memref<?x192xi8>) {columns = 96 : i64}
// READER:      error: 'tok.kernel' op computes in i8, which has no CUDA template: expects compute = f16
// CACHE:       tok.program = {caches = [{name = "kv", page_bytes = 16384 : i64, slots = 64 : i64}]}
// The states of 64 rows: of 2 heads 64 sums each, a maximum and a sum, for 8 segments.
// ATTENTION:     tok.program = {{{.*}}fixed_bytes = 270336 : i64
// ATTENTION:     tok.kernel "attention"
// ATTENTION-PTX: .entry attention_0(
// UNKNOWN:     error: has no target 'tpu'; expected cpu or cuda

//--- norm.mlir
tok.weight @w : tensor<96xf32> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x96xf32> {tok.slot = "frontier"}) -> (tensor<?x96xf32> {tok.slot = "logits"}) {
  %n = tok.norm %x, @w rms eps = 1.0e-5 : tensor<?x96xf32>
  return %n : tensor<?x96xf32>
}

//--- weight.mlir
tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]

//--- embed.mlir
tok.weight @w : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}) -> (tensor<?x96xf32> {tok.slot = "logits"}) {
  %x = tok.embed %ids, @w : tensor<?xi32> -> tensor<?x96xf32>
  return %x : tensor<?x96xf32>
}

//--- linear.mlir
tok.weight @w : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
tok.weight @v : tensor<96xf32> = source "m.gguf" at [0]
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x96xf32> {tok.slot = "frontier"}) -> (tensor<?x96xf32> {tok.slot = "logits"}) {
  %y = tok.linear %x, @w : tensor<?x96xf32> -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}

//--- cache.mlir
!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %rows: !tok.rows<pos, seq> {tok.slot = "rows"}, %k: tensor<?x1x32xf32> {tok.slot = "frontier"}, %kv: !kv {tok.slot = "kv"}) -> (!kv {tok.slot = "kv"}) {
  %l = arith.constant 0 : index
  %0 = tok.append %kv[%l], %rows, %k, %k : !kv, !tok.rows<pos, seq>, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  return %0 : !kv
}

//--- attention.mlir
!kv = !tok.cache<layers = [0], heads = 1, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>
module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 1, width = 128, context = 4096, vocab = 128>} {
  func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %q: tensor<?x2x64xf32> {tok.slot = "frontier"}, %rows: !rows {tok.slot = "rows"}, %kv: !kv {tok.slot = "kv"})
      -> (tensor<?x2x64xf32> {tok.slot = "logits"}) {
    %l = arith.constant 0 : index
    %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x2x64xf32>, !kv, !rows -> tensor<?x2x64xf32>
    return %a : tensor<?x2x64xf32>
  }
}

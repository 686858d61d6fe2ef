// From a model to functions of upstream dialects, for every level.

// RUN: tokopt-opt %s --tok-program-pipeline | FileCheck %s --check-prefix=PROGRAM
// RUN: tokopt-opt %s --tok-program-pipeline --tok-kernel-pipeline | FileCheck %s --check-prefix=KERNELS
// RUN: tokopt-opt %s --tok-program-pipeline --tok-kernel-pipeline=target=avx512vnni | FileCheck %s --check-prefix=KERNELS

// The default passes in between change formats, not structure.
// RUN: tokopt-opt %s --tok-quantize-activations --tok-quantize-cache --tok-program-pipeline --tok-kernel-pipeline \
// RUN:   | FileCheck %s --check-prefix=KERNELS

// Each pass by itself, through text, is the same as the pipeline.
// RUN: tokopt-opt %s --tok-program-pipeline --tok-kernel-pipeline=target=avx512vnni > %t.whole
// RUN: tokopt-opt %s --tok-lower-to-program | tokopt-opt --tok-specialize-few-rows \
// RUN:   | tokopt-opt --tok-plan-buffers | tokopt-opt --tok-insert-barriers \
// RUN:   | tokopt-opt --tok-plan-image | tokopt-opt --tok-choose-kernels=target=avx512vnni \
// RUN:   | tokopt-opt --tok-expand-kernels=target=avx512vnni | diff %t.whole -

// RUN: not tokopt-opt %s --tok-program-pipeline --tok-kernel-pipeline=target=avx3 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: error: has no target 'avx3'; expected avx512amx, avx512vnni, avx2 (cpu), sm_90a, sm_80 (cuda)

// PROGRAM: tok.program = {caches = [{name = "kv", page_bytes = {{[0-9]+}} : i64, slots = 64 : i64}], fixed_bytes = {{[0-9]+}} : i64, logits_stride = 64 : i64, row_bytes = {{[1-9][0-9]*}} : i64, scratch_bytes = {{[1-9][0-9]*}} : i64}
// PROGRAM-NOT: tok.kind
// PROGRAM: tok.weight @token_embd {{.*}} image [0]
// PROGRAM: func.func @step(
// PROGRAM: tok.buffer at
// PROGRAM: tok.kernel "angles"
// PROGRAM: tok.kernel "embed"
// PROGRAM: tok.barrier
// PROGRAM: scf.for
// PROGRAM: tok.kernel "attention"
// PROGRAM: tok.barrier
// PROGRAM: tok.kernel "sample"

// KERNELS-NOT: tok.kernel
// KERNELS-NOT: tok.buffer
// KERNELS-NOT: tok.barrier
// KERNELS: func.func @step(%{{.*}}: !llvm.ptr, %{{.*}}: i64)
// KERNELS: call @barrier
// KERNELS-DAG: func.func private @embed_
// KERNELS-DAG: func.func private @angles_
// KERNELS-DAG: func.func private @rowwise_
// KERNELS-DAG: func.func private @linear_
// KERNELS-DAG: func.func private @attention_
// KERNELS-DAG: func.func private @sample_
// KERNELS-DAG: func.func private @barrier

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
    columns = [pos], digests = []>

module attributes {
    tok.model = #tok.model<arch = "llama", name = "tiny", layers = 2, width = 96, context = 256, vocab = 64>,
    tok.metadata = #tok.source<file = "m.gguf", offset = 24, bytes = 100>} {
  tok.weight @token_embd : tensor<64x96x!tok.q8_0> = source "m.gguf" at [1000]
  tok.weight @attn_q layers = [0-1] : tensor<96x96x!tok.q4_1> = source "m.gguf" at [8000, 16000]
  tok.weight @attn_k layers = [0-1] : tensor<32x96x!tok.q4_1> = source "m.gguf" at [8000, 16000]
  tok.weight @attn_v layers = [0-1] : tensor<32x96x!tok.q4_1> = source "m.gguf" at [8000, 16000]
  tok.weight @attn_output layers = [0-1] : tensor<96x96x!tok.q4_1> = source "m.gguf" at [8000, 16000]
  tok.weight @ffn_gate layers = [0-1] : tensor<160x96x!tok.q4_1> = source "m.gguf" at [8000, 16000]
  tok.weight @ffn_up layers = [0-1] : tensor<160x96x!tok.q4_1> = source "m.gguf" at [8000, 16000]
  tok.weight @ffn_down layers = [0-1] : tensor<96x160x!tok.q4_1> = source "m.gguf" at [8000, 16000]
  tok.weight @attn_norm layers = [0-1] : tensor<96xf32> = source "m.gguf" at [100, 484]
  tok.weight @ffn_norm layers = [0-1] : tensor<96xf32> = source "m.gguf" at [100, 484]
  tok.weight @output_norm : tensor<96xf32> = source "m.gguf" at [100]
  tok.schedule @schedule chunked budget = 512

  func.func private @decoder(%x: tensor<?x96xf32>, %rows: !tok.rows<pos, seq>, %kv: !kv, %l: index)
      -> (tensor<?x96xf32>, !kv) attributes {tok.kind} {
    %n = tok.norm %x, @attn_norm[%l] rms eps = 1.0e-5 : tensor<?x96xf32>
    %q = tok.linear %n, @attn_q[%l] : tensor<?x96xf32> -> tensor<?x3x32xf32>
    %k = tok.linear %n, @attn_k[%l] : tensor<?x96xf32> -> tensor<?x1x32xf32>
    %v = tok.linear %n, @attn_v[%l] compute = <i8, block = 32> : tensor<?x96xf32> -> tensor<?x1x32xf32>
    %qr = tok.rope %q, %rows adjacent base = 1.0e5 dims = 32 : tensor<?x3x32xf32>, !tok.rows<pos, seq>
    %kr = tok.rope %k, %rows adjacent base = 1.0e5 dims = 32 : tensor<?x1x32xf32>, !tok.rows<pos, seq>
    %kv1 = tok.append %kv[%l], %rows, %kr, %v
        : !kv, !tok.rows<pos, seq>, tensor<?x1x32xf32>, tensor<?x1x32xf32>
    %a = tok.attention %qr, %kv1[%l], %rows mask = <lane(step = pos)> scale = 0.17677669
        : tensor<?x3x32xf32>, !kv, !tok.rows<pos, seq> -> tensor<?x3x32xf32>
    %o = tok.linear %a, @attn_output[%l] : tensor<?x3x32xf32> -> tensor<?x96xf32>
    %x1 = arith.addf %x, %o : tensor<?x96xf32>
    %m = tok.norm %x1, @ffn_norm[%l] rms eps = 1.0e-5 : tensor<?x96xf32>
    %g = tok.linear %m, @ffn_gate[%l] : tensor<?x96xf32> -> tensor<?x160xf32>
    %u = tok.linear %m, @ffn_up[%l] : tensor<?x96xf32> -> tensor<?x160xf32>
    %h = tok.gated %g, %u silu : tensor<?x160xf32>
    %d = tok.linear %h, @ffn_down[%l] : tensor<?x160xf32> -> tensor<?x96xf32>
    %x2 = arith.addf %x1, %d : tensor<?x96xf32>
    return %x2, %kv1 : tensor<?x96xf32>, !kv
  }

  func.func @step(
      %ids: tensor<?xi32> {tok.slot = "ids"}, %rows: !tok.rows<pos, seq> {tok.slot = "rows"},
      %full: index {tok.slot = "full_rows"}, %begin: index {tok.slot = "layer_begin"},
      %end: index {tok.slot = "layer_end"}, %frontier: tensor<?x96xf32> {tok.slot = "frontier"},
      %out: tensor<?xi32> {tok.slot = "out"}, %sampling: tensor<?x4xf32> {tok.slot = "sampling"},
      %seeds: tensor<?x2xi64> {tok.slot = "seeds"}, %kv: !kv {tok.slot = "kv"})
      -> (tensor<?x64xf32> {tok.slot = "logits"}, tensor<?xi32> {tok.slot = "tokens"},
          tensor<?x96xf32> {tok.slot = "frontier"}, !kv {tok.slot = "kv"}) {
    %x = tok.embed %ids, @token_embd : tensor<?xi32> -> tensor<?x96xf32>
    %y, %f, %kv1 = tok.stack %x, %rows, %kv frontier(%frontier) rows(%full, %begin, %end)
        [@decoder for 0-1] : tensor<?x96xf32>, !tok.rows<pos, seq>, !kv
    %z = tok.take %y, %out : tensor<?x96xf32>, tensor<?xi32>
    %n = tok.norm %z, @output_norm rms eps = 1.0e-5 : tensor<?x96xf32>
    %logits = tok.linear %n, @token_embd : tensor<?x96xf32> -> tensor<?x64xf32>
    %tokens = tok.sample %logits, %sampling, %seeds
        : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
    return %logits, %tokens, %f, %kv1 : tensor<?x64xf32>, tensor<?xi32>, tensor<?x96xf32>, !kv
  }
}

// RUN: tokopt-opt %s --split-input-file --verify-diagnostics

// Weights, stacks and schedules that contradict themselves or each other.

// expected-error @+1 {{expects a weight format, bf16, f16 or f32, but got 'f64'}}
tok.weight @w : tensor<96xf64> = source "m.gguf" at [0]

// -----

// expected-error @+1 {{expects a static vector or matrix, but got 'tensor<?xf32>'}}
tok.weight @w : tensor<?xf32> = source "m.gguf" at [0]

// -----

// expected-error @+1 {{expects a static vector or matrix, but got 'tensor<2x2x2xf32>'}}
tok.weight @w : tensor<2x2x2xf32> = source "m.gguf" at [0]

// -----

// expected-error @+1 {{expects positive sizes of at most 2^48 elements}}
tok.weight @w : tensor<0x32xf32> = source "m.gguf" at [0]

// -----

// expected-error @+1 {{expects positive sizes of at most 2^48 elements}}
tok.weight @w : tensor<4611686018427387904x4611686018427387904xf32> = source "m.gguf" at [0]

// -----

// expected-error @+1 {{expects rows of a multiple of 256 values, but got 96}}
tok.weight @w : tensor<96x96x!tok.q4_k> = source "m.gguf" at [0]

// -----

// expected-error @+1 {{expects 2 offsets, but got 1}}
tok.weight @w layers = [0-1] : tensor<96xf32> = source "m.gguf" at [0]

// -----

// expected-error @+1 {{expects 1 places in the image, but got 2}}
tok.weight @w : tensor<96xf32> = source "m.gguf" at [0] image [0, 384]

// -----

// expected-error @+1 {{expects ascending layers from 0 to 65535}}
tok.weight @w layers = [1, 0] : tensor<96xf32> = source "m.gguf" at [0, 384]

// -----

// expected-error @+1 {{expects ascending layers from 0 to 65535}}
tok.weight @w layers = [99999999] : tensor<96xf32> = source "m.gguf" at [0]

// -----

// expected-error @+1 {{expects an ascending range, but got -1--1}}
tok.weight @w layers = [-1] : tensor<96xf32> = source "m.gguf" at [0]

// -----

// Without the parser in between, too.
// expected-error @+1 {{expects ascending layers from 0 to 65535}}
"tok.weight"() <{sym_name = "w", layers = array<i64: -1>, type = tensor<96xf32>, file = "m.gguf", offsets = array<i64: 0>}> ({}) : () -> ()

// -----

// expected-error @+1 {{expects ascending layers from 0 to 65535}}
"tok.weight"() <{sym_name = "w", layers = array<i64>, type = tensor<96xf32>, file = "m.gguf", offsets = array<i64>}> ({}) : () -> ()

// -----

// expected-error @+1 {{expects offsets of at least 0, but got -384}}
tok.weight @w : tensor<96xf32> = source "m.gguf" at [-384]

// -----

//===----------------------------------------------------------------------===//
// Stacks
//===----------------------------------------------------------------------===//

func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) -> tensor<?x8xf32> {
  // expected-error @+1 {{expects @decoder to be a function with 'tok.kind'}}
  %y, %g = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n) [@decoder for 0-1] : tensor<?x8xf32>, !tok.rows<pos, seq>
  return %y : tensor<?x8xf32>
}

// -----

func.func private @decoder(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) -> tensor<?x8xf32> {
  // expected-error @+1 {{expects @decoder to be a function with 'tok.kind'}}
  %y, %g = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n) [@decoder for 0-1] : tensor<?x8xf32>, !tok.rows<pos, seq>
  return %y : tensor<?x8xf32>
}

// -----

func.func private @decoder(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>) -> tensor<?x8xf32> attributes {tok.kind} {
  return %x : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) -> tensor<?x8xf32> {
  // expected-error @+1 {{expects kind @decoder to have type '(tensor<?x8xf32>, !tok.rows<pos, seq>, index) -> tensor<?x8xf32>', but it has '(tensor<?x8xf32>, !tok.rows<pos, seq>) -> tensor<?x8xf32>'}}
  %y, %g = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n) [@decoder for 0-1] : tensor<?x8xf32>, !tok.rows<pos, seq>
  return %y : tensor<?x8xf32>
}

// -----

func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) {
  // expected-error @+1 {{expects an ascending range of layers, but got 3-1}}
  %y, %g = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n) [@decoder for 3-1] : tensor<?x8xf32>, !tok.rows<pos, seq>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) {
  // expected-error @+1 {{expects an ascending range of layers, but got -3-1}}
  %y, %g = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n) [@decoder for -3-1] : tensor<?x8xf32>, !tok.rows<pos, seq>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) {
  // expected-error @+1 {{expects as many kinds as layers and at least one, but got 0 and 0}}
  %y, %g = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n) [] : tensor<?x8xf32>, !tok.rows<pos, seq>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) {
  // expected-error @+1 {{expects the number of a kind below 1, but got 1}}
  %y, %g = "tok.stack"(%x, %rows, %x, %n, %n, %n) <{kinds = [@decoder], kindOf = array<i64: 1>, layers = array<i64: 0>}>
      : (tensor<?x8xf32>, !tok.rows<pos, seq>, tensor<?x8xf32>, index, index, index) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) {
  // expected-error @+1 {{expects layers below 65536, but got -1}}
  %y, %g = "tok.stack"(%x, %rows, %x, %n, %n, %n) <{kinds = [@decoder], kindOf = array<i64: 0>, layers = array<i64: -1>}>
      : (tensor<?x8xf32>, !tok.rows<pos, seq>, tensor<?x8xf32>, index, index, index) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  return
}

// -----

!cache = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %kv: !cache, %n: index) {
  // expected-error @+1 {{expects the results' caches to have the operands' types}}
  %y, %g = "tok.stack"(%x, %rows, %kv, %x, %n, %n, %n) <{kinds = [@decoder], kindOf = array<i64: 0>, layers = array<i64: 0>}>
      : (tensor<?x8xf32>, !tok.rows<pos, seq>, !cache, tensor<?x8xf32>, index, index, index) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  return
}

// -----

// A kind is applied only to layers that its families have.
// expected-note @+1 {{the family has no such member}}
tok.weight @norm layers = [0, 2] : tensor<8xf32> = source "m.gguf" at [0, 32]
func.func private @decoder(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index) -> tensor<?x8xf32> attributes {tok.kind} {
  %y = tok.norm %x, @norm[%l] rms eps = 1.0e-5 : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) -> tensor<?x8xf32> {
  // expected-error @+1 {{applies "decoder" to layer 1, which it cannot read}}
  %y, %g = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n) [@decoder for 0-2] : tensor<?x8xf32>, !tok.rows<pos, seq>
  return %y : tensor<?x8xf32>
}

// -----

!cache = !tok.cache<layers = [0-1], heads = 1, k = 8 x f32, v = 8 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func private @decoder(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %kv: !cache, %l: index) -> (tensor<?x8xf32>, !cache) attributes {tok.kind} {
  %q = tensor.expand_shape %x [[0], [1, 2]] output_shape [%l, 1, 8] : tensor<?x8xf32> into tensor<?x1x8xf32>
  // expected-note @+1 {{the cache has no such layer}}
  %kv1 = tok.append %kv[%l], %rows, %q, %q : !cache, !tok.rows<pos, seq>, tensor<?x1x8xf32>, tensor<?x1x8xf32>
  return %x, %kv1 : tensor<?x8xf32>, !cache
}
func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %kv: !cache, %n: index) -> !cache {
  // expected-error @+1 {{applies "decoder" to layer 2, which it cannot read}}
  %y, %g, %kv1 = tok.stack %x, %rows, %kv frontier(%x) rows(%n, %n, %n) [@decoder for 0-2] : tensor<?x8xf32>, !tok.rows<pos, seq>, !cache
  return %kv1 : !cache
}

// -----

// A layer that is not the kind's own: nothing says which it is.
tok.weight @norm layers = [0, 1] : tensor<8xf32> = source "m.gguf" at [0, 32]
func.func private @decoder(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index) -> tensor<?x8xf32> attributes {tok.kind} {
  %c7 = arith.constant 7 : index
  // expected-error @+1 {{expects its layer to be the last argument of its kind}}
  %y = tok.norm %x, @norm[%c7] rms eps = 1.0e-5 : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) -> tensor<?x8xf32> {
  %y, %f = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n) [@decoder for 0-1] : tensor<?x8xf32>, !tok.rows<pos, seq>
  return %y : tensor<?x8xf32>
}

// -----

!cache = !tok.cache<layers = [0-1], heads = 1, k = 8 x f32, v = 8 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func private @decoder(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %kv: !cache, %l: index) -> (tensor<?x8xf32>, !cache) attributes {tok.kind} {
  %c7 = arith.constant 7 : index
  %q = tensor.expand_shape %x [[0], [1, 2]] output_shape [%l, 1, 8] : tensor<?x8xf32> into tensor<?x1x8xf32>
  // expected-error @+1 {{expects its layer to be the last argument of its kind}}
  %a = tok.attention %q, %kv[%c7], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x1x8xf32>, !cache, !tok.rows<pos, seq> -> tensor<?x1x8xf32>
  return %x, %kv : tensor<?x8xf32>, !cache
}
func.func @f(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %kv: !cache, %n: index) -> !cache {
  %y, %f, %kv1 = tok.stack %x, %rows, %kv frontier(%x) rows(%n, %n, %n) [@decoder for 0-1] : tensor<?x8xf32>, !tok.rows<pos, seq>, !cache
  return %kv1 : !cache
}

// -----

//===----------------------------------------------------------------------===//
// Stacks and the layers of the model
//===----------------------------------------------------------------------===//

module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 3, width = 8, context = 256, vocab = 64>} {
  func.func private @decoder(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index) -> tensor<?x8xf32> attributes {tok.kind} {
    return %x : tensor<?x8xf32>
  }
  func.func @step(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) -> tensor<?x8xf32> {
    // expected-error @+1 {{expects as many layers as the 3 of 'tok.model', but got 2; to prune or add a layer, change both}}
    %y, %g = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n) [@decoder for 0-1] : tensor<?x8xf32>, !tok.rows<pos, seq>
    return %y : tensor<?x8xf32>
  }
}

// -----

// A layer that is applied twice counts twice.
module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 2, width = 8, context = 256, vocab = 64>} {
  func.func private @decoder(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index) -> tensor<?x8xf32> attributes {tok.kind} {
    return %x : tensor<?x8xf32>
  }
  func.func @step(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) -> tensor<?x8xf32> {
    // expected-error @+1 {{expects as many layers as the 2 of 'tok.model', but got 3}}
    %y, %g = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n) [@decoder for 0-1, @decoder for 1] : tensor<?x8xf32>, !tok.rows<pos, seq>
    return %y : tensor<?x8xf32>
  }
}

// -----

// Each has the model's layers, but one range of layers cannot be that of both.
module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 2, width = 8, context = 256, vocab = 64>} {
  func.func private @decoder(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index) -> tensor<?x8xf32> attributes {tok.kind} {
    return %x : tensor<?x8xf32>
  }
  func.func @step(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index) -> tensor<?x8xf32> {
    // expected-note @+1 {{the other one is here}}
    %y, %g = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n) [@decoder for 0-1] : tensor<?x8xf32>, !tok.rows<pos, seq>
    // expected-error @+1 {{expects to be the only one of its entry: a step has one range of layers and one frontier; an encoder or a drafter is a model in a module of its own}}
    %z, %h = tok.stack %y, %rows frontier(%x) rows(%n, %n, %n) [@decoder for 0-1] : tensor<?x8xf32>, !tok.rows<pos, seq>
    return %z : tensor<?x8xf32>
  }
}

// -----

func.func private @decoder(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index) -> tensor<?x8xf32> attributes {tok.kind} {
  // expected-error @+1 {{expects to stand in an entry, but stands in the kind "decoder"}}
  %y, %g = tok.stack %x, %rows frontier(%x) rows(%l, %l, %l) [@decoder for 0-1] : tensor<?x8xf32>, !tok.rows<pos, seq>
  return %y : tensor<?x8xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Layers outside of kinds
//===----------------------------------------------------------------------===//

// expected-note @+1 {{the family is here}}
tok.weight @norm layers = [0, 2] : tensor<8xf32> = source "m.gguf" at [0, 32]
func.func @f(%x: tensor<?x8xf32>) {
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{names layer 1 of @norm, which has no such layer}}
  %y = tok.norm %x, @norm[%c1] rms eps = 1.0e-5 : tensor<?x8xf32>
  return
}

// -----

tok.weight @w layers = [0-1] : tensor<8x8xf32> = source "m.gguf" at [0, 256]
// The layer is that of the bias too.
// expected-note @+1 {{the family is here}}
tok.weight @b layers = [0] : tensor<8xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x8xf32>) {
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{names layer 1 of @b, which has no such layer}}
  %y = tok.linear %x, @w[%c1] bias @b : tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// -----

tok.weight @norm layers = [0-1] : tensor<8xf32> = source "m.gguf" at [0, 32]
func.func @f(%x: tensor<?x8xf32>, %n: index {tok.slot = "layer_begin"}) {
  // expected-error @+1 {{expects the layer of @norm to be an arith.constant: only a function with 'tok.kind' has a layer that a tok.stack gives it}}
  %y = tok.norm %x, @norm[%n] rms eps = 1.0e-5 : tensor<?x8xf32>
  return
}

// -----

!cache = !tok.cache<layers = [0, 2], heads = 1, k = 8 x f32, v = 8 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%q: tensor<?x1x8xf32>, %rows: !tok.rows<pos, seq>, %kv: !cache) {
  %c7 = arith.constant 7 : index
  // expected-error @+1 {{names layer 7 of its cache, which has no such layer}}
  %a = tok.attention %q, %kv[%c7], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x1x8xf32>, !cache, !tok.rows<pos, seq> -> tensor<?x1x8xf32>
  return
}

// -----

!cache = !tok.cache<layers = [0, 2], heads = 1, k = 8 x f32, v = 8 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%k: tensor<?x1x8xf32>, %rows: !tok.rows<pos, seq>, %kv: !cache) -> !cache {
  %minus = arith.constant -1 : index
  // expected-error @+1 {{names layer -1 of its cache, which has no such layer}}
  %kv1 = tok.append %kv[%minus], %rows, %k, %k : !cache, !tok.rows<pos, seq>, tensor<?x1x8xf32>, tensor<?x1x8xf32>
  return %kv1 : !cache
}

// -----

!cache = !tok.cache<layers = [0, 2], heads = 1, k = 8 x f32, v = 8 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%k: tensor<?x1x8xf32>, %rows: !tok.rows<pos, seq>, %kv: !cache, %n: index) -> !cache {
  // expected-error @+1 {{expects the layer of its cache to be an arith.constant}}
  %kv1 = tok.append %kv[%n], %rows, %k, %k : !cache, !tok.rows<pos, seq>, tensor<?x1x8xf32>, tensor<?x1x8xf32>
  return %kv1 : !cache
}

// -----

// The constant is verified after its reader where it stands behind it.
!cache = !tok.cache<layers = [0, 2], heads = 1, k = 8 x f32, v = 8 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%k: tensor<?x1x8xf32>, %rows: !tok.rows<pos, seq>, %kv: !cache) -> !cache {
  // expected-error @+1 {{expects the layer of its cache to be an arith.constant}}
  %kv1 = tok.append %kv[%c], %rows, %k, %k : !cache, !tok.rows<pos, seq>, tensor<?x1x8xf32>, tensor<?x1x8xf32>
  %c = "arith.constant"() : () -> index
  return %kv1 : !cache
}

// -----

// What a cache and a family have is read, wherever it stands.
!cache = !tok.cache<layers = [0, 2], heads = 1, k = 8 x f32, v = 8 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
tok.weight @norm layers = [0, 2] : tensor<8xf32> = source "m.gguf" at [0, 32]
func.func @f(%x: tensor<?x8xf32>, %k: tensor<?x1x8xf32>, %rows: !tok.rows<pos, seq>, %kv: !cache) -> !cache {
  %c2 = arith.constant 2 : index
  %y = tok.norm %x, @norm[%c2] rms eps = 1.0e-5 : tensor<?x8xf32>
  %kv1 = tok.append %kv[%c2], %rows, %k, %k : !cache, !tok.rows<pos, seq>, tensor<?x1x8xf32>, tensor<?x1x8xf32>
  return %kv1 : !cache
}

// -----

//===----------------------------------------------------------------------===//
// Embeddings and the vocabulary of the model
//===----------------------------------------------------------------------===//

module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 1, width = 8, context = 256, vocab = 64>} {
  tok.weight @embd : tensor<63x8xf32> = source "m.gguf" at [0]
  func.func @f(%ids: tensor<?xi32>) {
    // expected-error @+1 {{expects @embd to have a row for each of the model's 64 tokens, but it is 'tensor<63x8xf32>'}}
    %x = tok.embed %ids, @embd : tensor<?xi32> -> tensor<?x8xf32>
    return
  }
}

// -----

// Padded rows have no token; and a part of a model has no vocabulary.
module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 1, width = 8, context = 256, vocab = 64>} {
  tok.weight @embd : tensor<96x8xf32> = source "m.gguf" at [0]
  func.func @f(%ids: tensor<?xi32>) {
    %x = tok.embed %ids, @embd : tensor<?xi32> -> tensor<?x8xf32>
    return
  }
}

// -----

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

// expected-error @+1 {{expects a positive budget, but got 0}}
tok.schedule @s chunked budget = 0

// -----

// expected-error @+1 {{expects a budget of at most 16777216, but got 16777217}}
tok.schedule @s chunked budget = 16777217

// -----

// Two would mix in the manifest.
// expected-note @+1 {{the other one is here}}
tok.schedule @s chunked budget = 512
// expected-error @+1 {{expects to be the module's only schedule}}
tok.schedule @t whole budget = 1

// -----

// expected-error @+1 {{expects groups if and only if it is layered}}
tok.schedule @s layered budget = 512

// -----

// expected-error @+1 {{expects groups if and only if it is layered}}
tok.schedule @s whole budget = 512 groups = [0, 2]

// -----

// expected-error @+1 {{expects ascending boundaries from 0 to the number of layers}}
tok.schedule @s layered budget = 512 groups = [0, 2, 2]

// -----

module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 3, width = 8, context = 256, vocab = 64>} {
  // expected-error @+1 {{expects the last boundary to be the number of layers 3, but got 2}}
  tok.schedule @s layered budget = 512 groups = [0, 1, 2]
}

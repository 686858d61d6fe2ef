// RUN: tokopt-opt %s --split-input-file --verify-diagnostics

// What is wrong with a type, an attribute or a name, whatever op it stands on.

// expected-error @+1 {{expects distinct columns, but "pos" stands twice}}
func.func private @f(!tok.rows<pos, pos>)

// -----

// expected-error @+1 {{expects the column 'seq'}}
func.func private @f(!tok.rows<pos>)

// -----

// expected-error @+1 {{expects the column 'pos'}}
func.func private @f(!tok.rows<seq, depth>)

// -----

// expected-error @+1 {{expected '<'}}
func.func private @f(!tok.rows)

// -----

// expected-error @+1 {{expects ascending layers from 0 to 65535}}
func.func private @f(!tok.cache<layers = [1, 0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>)

// -----

// expected-error @+1 {{expects ascending layers from 0 to 65535}}
func.func private @f(!tok.cache<layers = [65536], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>)

// -----

// expected-error @+1 {{expects positive heads and sizes, but got heads = 0, k = 32, v = 32}}
func.func private @f(!tok.cache<layers = [0], heads = 0, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>)

// -----

// expected-error @+1 {{expects keys and values of f32, f16, bf16 or i8, but got 'f64'}}
func.func private @f(!tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f64, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>)

// -----

// expected-error @+1 {{expects a page of a multiple of 64 slots, at most 65536, but got 96}}
func.func private @f(!tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 96, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>)

// -----

// expected-error @+1 {{expects a page of a multiple of 64 slots, at most 65536, but got 6400000}}
func.func private @f(!tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 6400000, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>)

// -----

// expected-error @+1 {{expects a page of at most 17179869184 bytes, but 65536 slots of 1 layers need more}}
func.func private @f(!tok.cache<layers = [0], heads = 1048576, k = 32 x f32, v = 32 x f32, page = 65536, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>)

// -----

// expected-error @+1 {{expects keys = post_rope or pre_rope, but got rope}}
func.func private @f(!tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>)

// -----

// expected-error @+1 {{expects tables = shared or head, but got none}}
func.func private @f(!tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = none, columns = [pos], digests = []>)

// -----

// expected-error @+1 {{expects window, sinks and residual of at least 0}}
func.func private @f(!tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = -1, residual = 0, tables = shared, columns = [pos], digests = []>)

// -----

// Fields come in their order.
// expected-error @+1 {{expected 'heads'}}
func.func private @f(!tok.cache<layers = [0], page = 64, heads = 1>)

// -----

// expected-error @+1 {{expects an ascending range, but got 3-1}}
func.func private @f(!tok.cache<layers = [3-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>)

// -----

// expected-error @+1 {{expects an ascending range, but got -9223372036854775807-9223372036854775807}}
func.func private @f(!tok.cache<layers = [-9223372036854775807-9223372036854775807], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>)

// -----

// expected-error @+1 {{expects at most 65536 entries}}
func.func private @f(!tok.cache<layers = [0-9, 10-65536], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>)

// -----

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

// expected-error @+1 {{expects positive layers, width, context and vocab, but got 2, 0, 256, 64}}
module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 2, width = 0, context = 256, vocab = 64>} {}

// -----

// expected-error @+1 {{expects width of at most 1048576, but got 1048577}}
module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 2, width = 1048577, context = 256, vocab = 64>} {}

// -----

// expected-error @+1 {{expects context of at most 16777216, but got 16777217}}
module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 2, width = 8, context = 16777217, vocab = 64>} {}

// -----

// expected-error @+1 {{expects a range of the file, but got offset -1, bytes 100}}
module attributes {tok.metadata = #tok.source<file = "m.gguf", offset = -1, bytes = 100>} {}

// -----

// expected-error @+1 {{expects i8, but got 'i4'}}
func.func private @f() attributes {x = #tok.compute<i4, block = 32>}

// -----

// expected-error @+1 {{expects a block of 32, but got 64}}
func.func private @f() attributes {x = #tok.compute<i8, block = 64>}

// -----

// expected-error @+1 {{expects a positive window, but got 0}}
func.func private @f() attributes {x = #tok.mask<window<0>>}

// -----

// expected-error @+1 {{has no rule 'tree': rows have no column that names the row they continue}}
func.func private @f() attributes {x = #tok.mask<lane(step = pos), tree>}

// -----

// expected-error @+1 {{or 'lane' or 'full'}}
func.func private @f() attributes {x = #tok.mask<causal>}

// -----

// expected-error @+1 {{expected 'pos'}}
func.func private @f() attributes {x = #tok.mask<lane(step = seq)>}

// -----

//===----------------------------------------------------------------------===//
// Attributes of the dialect on ops of others
//===----------------------------------------------------------------------===//

// expected-error @+1 {{expects 'tok.model' to be a #tok.model on a module}}
module attributes {tok.model = "llama"} {}

// -----

// expected-error @+1 {{expects 'tok.metadata' to be a #tok.source on a module}}
func.func private @f() attributes {tok.metadata = #tok.source<file = "m.gguf", offset = 0, bytes = 1>}

// -----

// expected-error @+1 {{expects 'tok.program' to be a dictionary on a module}}
module attributes {tok.program = 3 : i64} {}

// -----

// expected-error @+1 {{expects 'tok.kind' to be a unit attribute of a private func.func with a body}}
func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {tok.kind} {
  return %x : tensor<?x8xf32>
}

// -----

// expected-error @+1 {{expects 'tok.kind' to be a unit attribute of a private func.func with a body}}
func.func private @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {tok.kind}

// -----

// expected-error @+1 {{has an unknown attribute 'tok.kinds' of the tok dialect}}
func.func private @f() attributes {tok.kinds}

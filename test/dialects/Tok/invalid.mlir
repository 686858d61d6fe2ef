// RUN: tokopt-opt %s --split-input-file --verify-diagnostics

// Ops on values. Weights, stacks and schedules: invalid-structure.mlir. Types: invalid-types.mlir.

//===----------------------------------------------------------------------===//
// What reads weights
//===----------------------------------------------------------------------===//

func.func @f(%ids: tensor<?xi32>) {
  // expected-error @+1 {{expects @w to be a tok.weight}}
  %x = tok.embed %ids, @w : tensor<?xi32> -> tensor<?x96xf32>
  return
}

// -----

tok.weight @w : tensor<96xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x96xf32>) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{names a layer of @w, which has no layers}}
  %y = tok.norm %x, @w[%l] rms eps = 1.0e-5 : tensor<?x96xf32>
  return
}

// -----

tok.weight @w layers = [0-1] : tensor<96xf32> = source "m.gguf" at [0, 384]
func.func @f(%x: tensor<?x96xf32>) {
  // expected-error @+1 {{expects a layer for the family @w}}
  %y = tok.norm %x, @w rms eps = 1.0e-5 : tensor<?x96xf32>
  return
}

// -----

tok.weight @w : tensor<64xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x96xf32>) {
  // expected-error @+1 {{expects @w to be tensor<96xf32>, but it is 'tensor<64xf32>'}}
  %y = tok.norm %x, @w rms eps = 1.0e-5 : tensor<?x96xf32>
  return
}

// -----

// On heads, the weight is one head wide.
tok.weight @w : tensor<96xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x3x32xf32>) {
  // expected-error @+1 {{expects @w to be tensor<32xf32>, but it is 'tensor<96xf32>'}}
  %y = tok.norm %x, @w rms eps = 1.0e-5 : tensor<?x3x32xf32>
  return
}

// -----

tok.weight @w : tensor<96xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x96xf32>) {
  // expected-error @+1 {{expects @w to be a matrix, but it is 'tensor<96xf32>'}}
  %y = tok.linear %x, @w : tensor<?x96xf32> -> tensor<?x96xf32>
  return
}

// -----

tok.weight @w : tensor<96x64xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x96xf32>) {
  // expected-error @+1 {{expects @w to have 96 inputs a row, but it is 'tensor<96x64xf32>'}}
  %y = tok.linear %x, @w : tensor<?x96xf32> -> tensor<?x96xf32>
  return
}

// -----

tok.weight @w : tensor<64x96xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x96xf32>) {
  // expected-error @+1 {{expects @w to have 96 outputs, but it is 'tensor<64x96xf32>'}}
  %y = tok.linear %x, @w : tensor<?x96xf32> -> tensor<?x3x32xf32>
  return
}

// -----

tok.weight @w : tensor<64x96xf32> = source "m.gguf" at [0]
tok.weight @b : tensor<96xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x96xf32>) {
  // expected-error @+1 {{expects @b to be tensor<64xf32>, but it is 'tensor<96xf32>'}}
  %y = tok.linear %x, @w bias @b : tensor<?x96xf32> -> tensor<?x64xf32>
  return
}

// -----

tok.weight @w : tensor<64x96xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error @+1 {{expects static sizes but for the rows, but got 'tensor<?x?xf32>'}}
  %y = tok.linear %x, @w : tensor<?x?xf32> -> tensor<?x64xf32>
  return
}

// -----

tok.weight @w : tensor<64x96xf32> = source "m.gguf" at [0]
func.func @f(%ids: tensor<?xi32>) {
  // expected-error @+1 {{expects static sizes but for the rows, but got 'tensor<?x?xf32>'}}
  %y = tok.embed %ids, @w : tensor<?xi32> -> tensor<?x?xf32>
  return
}

// -----

tok.weight @w : tensor<64x96xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<4x96xf32>) {
  // expected-error @+1 {{failed to verify that all of {input, output} have same number of rows}}
  %y = tok.linear %x, @w : tensor<4x96xf32> -> tensor<5x64xf32>
  return
}

// -----

tok.weight @w : tensor<64x40xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x40xf32>) {
  // expected-error @+1 {{expects a multiple of 32 inputs to compute in i8, but got 40}}
  %y = tok.linear %x, @w compute = <i8, block = 32> : tensor<?x40xf32> -> tensor<?x64xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

tok.weight @w : tensor<96xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x96xf32>) {
  // expected-error @+1 {{expects eps of at least 0, but got}}
  %y = tok.norm %x, @w rms eps = -1.0e-5 : tensor<?x96xf32>
  return
}

// -----

tok.weight @w : tensor<96xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x96xf32>) {
  // expected-error @+1 {{expects eps of at least 0, but got}}
  %y = tok.norm %x, @w rms eps = 0x7FC00000 : tensor<?x96xf32>
  return
}

// -----

tok.weight @w : tensor<96xf32> = source "m.gguf" at [0]
func.func @f(%x: tensor<?x96xf32>) {
  // expected-error @+1 {{expects no bias for an rms norm}}
  %y = tok.norm %x, @w bias @w rms eps = 1.0e-5 : tensor<?x96xf32>
  return
}

// -----

func.func @f(%q: tensor<?x3x32xf32>, %rows: !tok.rows<pos, seq>) {
  // expected-error @+1 {{expects an even number of dims of at most the head size 32, but got 64}}
  %r = tok.rope %q, %rows halves base = 1.0e4 dims = 64 : tensor<?x3x32xf32>, !tok.rows<pos, seq>
  return
}

// -----

func.func @f(%q: tensor<?x3x32xf32>, %rows: !tok.rows<pos, seq>) {
  // expected-error @+1 {{expects an even number of dims of at most the head size 32, but got 15}}
  %r = tok.rope %q, %rows halves base = 1.0e4 dims = 15 : tensor<?x3x32xf32>, !tok.rows<pos, seq>
  return
}

// -----

func.func @f(%q: tensor<?x3x32xf32>, %rows: !tok.rows<pos, seq>) {
  // expected-error @+1 {{expects a positive base, but got}}
  %r = tok.rope %q, %rows adjacent base = 0.0 dims = 32 : tensor<?x3x32xf32>, !tok.rows<pos, seq>
  return
}

// -----

func.func @f(%g: tensor<?x96xf32>, %u: tensor<?x64xf32>) {
  // expected-note @-1 {{prior use here}}
  // expected-error @+1 {{expects different type than prior uses: 'tensor<?x96xf32>' vs 'tensor<?x64xf32>'}}
  %y = tok.gated %g, %u silu : tensor<?x96xf32>
  return
}

// -----

func.func @f(%x: tensor<?x96xf32>, %out: tensor<4xi32>) {
  // expected-error @+1 {{expects an output of the indices' rows and the input's columns, but got 'tensor<?x96xf32>'}}
  %y = "tok.take"(%x, %out) : (tensor<?x96xf32>, tensor<4xi32>) -> tensor<?x96xf32>
  return
}

// -----

func.func @f(%x: tensor<?x96xf32>, %out: tensor<?xi32>, %rows: !tok.rows<pos, seq>) {
  // expected-error @+1 {{expects the columns of the rows to be taken if and only if given}}
  %y = "tok.take"(%x, %out, %rows) : (tensor<?x96xf32>, tensor<?xi32>, !tok.rows<pos, seq>) -> tensor<?x96xf32>
  return
}

// -----

func.func @f(%x: tensor<?x3x32xf32>, %out: tensor<?xi32>) {
  // expected-error @+1 {{expects a matrix and a vector of indices}}
  %y = tok.take %x, %out : tensor<?x3x32xf32>, tensor<?xi32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Sampling
//===----------------------------------------------------------------------===//

func.func @f(%z: tensor<?x64xf32>, %p: tensor<?x3xf32>, %s: tensor<?x2xi64>) {
  // expected-error @+1 {{expects 4 parameters a row (temperature, top_k, top_p, min_p), but got 'tensor<?x3xf32>'}}
  %t = tok.sample %z, %p, %s : tensor<?x64xf32>, tensor<?x3xf32>, tensor<?x2xi64> -> tensor<?xi32>
  return
}

// -----

func.func @f(%z: tensor<?x64xf32>, %p: tensor<?x4xf32>, %s: tensor<?x1xi64>) {
  // expected-error @+1 {{expects a seed and a counter a row, but got 'tensor<?x1xi64>'}}
  %t = tok.sample %z, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x1xi64> -> tensor<?xi32>
  return
}

// -----

func.func @f(%z: tensor<?x?xf32>, %p: tensor<?x4xf32>, %s: tensor<?x2xi64>) {
  // expected-error @+1 {{expects a static vocabulary, but got 'tensor<?x?xf32>'}}
  %t = tok.sample %z, %p, %s : tensor<?x?xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

func.func @f() {
  // expected-error @+1 {{expects memref<?xN> of numbers, but got 'memref<4x96xf32>'}}
  %x = tok.buffer : memref<4x96xf32>
  return
}

// -----

func.func @f() {
  // expected-error @+1 {{expects memref<?xN> of numbers, but got 'memref<?x?xf32>'}}
  %x = tok.buffer : memref<?x?xf32>
  return
}

// -----

func.func @f() {
  // expected-error @+1 {{expects an offset of a multiple of 64, but got 32}}
  %x = tok.buffer at 32 : memref<?x96xf32>
  return
}

// -----

// expected-error @below {{expects 'tok.launch' to be a dictionary on a func.func}}
func.func @launch_is_a_number() attributes {tok.launch = 3 : i64} {
  return
}

// -----

// expected-error @below {{expects 'threads' of 'tok.launch' to be an integer from 1 to 1024, but got 2048}}
func.func @too_many_threads() attributes {tok.launch = {threads = 2048, shared = 0}} {
  return
}

// -----

// expected-error @below {{expects 'shared' of 'tok.launch' to be an integer from 0 to 232448, but got none}}
func.func @no_shared_size() attributes {tok.launch = {threads = 32}} {
  return
}

// -----

// expected-error @below {{expects 'parts' of 'tok.launch' to be an integer from 1 to 65535, but got 0}}
func.func @no_part() attributes {tok.launch = {threads = 32, shared = 0, parts = 0}} {
  return
}

// -----

// expected-error @below {{expects 'threads' of 'tok.launch' to be an integer from 1 to 1024, but got "32"}}
func.func @no_number_of_threads() attributes {tok.launch = {threads = "32", shared = 0}} {
  return
}

// -----

// expected-error @below {{expects 'threads' of 'tok.launch' to be an integer from 1 to 1024, but got 18446744073709551648}}
func.func @wide_threads() attributes {tok.launch = {threads = 18446744073709551648 : i128, shared = 0}} {
  return
}

// -----

// expected-error @below {{expects 'tok.launch' to have threads, shared, maps, rows, parts, splits, blocks, split_rows only, but got 'grid'}}
func.func @unknown_key() attributes {tok.launch = {threads = 32, shared = 0, grid = 3, test.mine = 1}} {
  return
}

// -----

// expected-error @below {{expects 'blocks' of 'tok.launch' to be an integer from 1 to 32, but got 33}}
func.func @too_many_blocks() attributes {tok.launch = {threads = 32, shared = 0, blocks = 33}} {
  return
}

// -----

// expected-error @below {{expects 'splits' of 'tok.launch' to be an integer from 1 to 65535, but got 65536}}
func.func @too_many_splits() attributes {tok.launch = {threads = 32, shared = 0, splits = 65536, split_rows = 1}} {
  return
}

// -----

// expected-error @below {{expects 'tok.sim' to be a dictionary on a func.func}}
func.func @sim_is_a_number() attributes {tok.sim = 3 : i64} {
  return
}

// RUN: tokopt-opt %s --split-input-file --verify-diagnostics

// Probes that the manifest, or the runtime, could not be told of.

// expected-error @+1 {{expects 'tok.probes' to be an array on a module}}
module attributes {tok.probes = 1} {}

// -----

// expected-error @+1 {{expects probe 0 of 'tok.probes' to have a dictionary, but got 1}}
module attributes {tok.probes = [1]} {}

// -----

// expected-error @+1 {{expects probe 0 of 'tok.probes' to have the number of a 'kernel'}}
module attributes {tok.probes = [{kernel = -1 : i64, label = "x"}]} {}

// -----

// expected-error @+1 {{expects probe 1 of 'tok.probes' to have a 'label'}}
module attributes {tok.probes = [{kernel = 0 : i64, label = "x"}, {kernel = 0 : i64}]} {}

// -----

// expected-error @+1 {{to have a 'value' of letters, digits, '.', '-' and '_'}}
module attributes {tok.probes = [{kernel = 0 : i64, label = "x", value = "../x", type = "f32", columns = 1 : i64, rows = "step"}]} {}

// -----

// expected-error @+1 {{to have a 'value' of letters, digits, '.', '-' and '_'}}
module attributes {tok.probes = [{kernel = 0 : i64, label = "x", value = "", type = "f32", columns = 1 : i64, rows = "step"}]} {}

// -----

// expected-error @+1 {{to have a 'type': f32, f16, i32 or i8x32}}
module attributes {tok.probes = [{kernel = 0 : i64, label = "x", value = "x", type = "f64", columns = 1 : i64, rows = "step"}]} {}

// -----

// expected-error @+1 {{to have a positive number of 'columns'}}
module attributes {tok.probes = [{kernel = 0 : i64, label = "x", value = "x", type = "f32", columns = 0 : i64, rows = "step"}]} {}

// -----

// expected-error @+1 {{to have 'rows': step or outputs}}
module attributes {tok.probes = [{kernel = 0 : i64, label = "x", value = "x", type = "f32", columns = 1 : i64, rows = "all"}]} {}

// -----

module attributes {tok.probes = [{kernel = 0 : i64, label = "x"}, {kernel = 0 : i64, label = "x", value = "x", type = "f32", columns = 1 : i64, rows = "step"}]} {
  func.func @f(%x: memref<?x96xf32>, %n: index) {
    // expected-error @+1 {{expects the number of one of the 2 probes of 'tok.probes', but got 2}}
    tok.probe 2
    return
  }
}

// -----

module attributes {tok.probes = [{kernel = 0 : i64, label = "x"}, {kernel = 0 : i64, label = "x", value = "x", type = "f32", columns = 1 : i64, rows = "step"}]} {
  func.func @f(%x: memref<?x96xf32>, %n: index) {
    // expected-error @+1 {{expects the number of one of the 2 probes of 'tok.probes', but got -1}}
    tok.probe -1
    return
  }
}

// -----

module attributes {tok.probes = [{kernel = 0 : i64, label = "x"}, {kernel = 0 : i64, label = "x", value = "x", type = "f32", columns = 1 : i64, rows = "step"}]} {
  func.func @f(%x: memref<?x96xf32>, %n: index) {
    // expected-error @+1 {{expects the value, as probe 1 of 'tok.probes' says}}
    tok.probe 1
    return
  }
}

// -----

module attributes {tok.probes = [{kernel = 0 : i64, label = "x"}, {kernel = 0 : i64, label = "x", value = "x", type = "f32", columns = 1 : i64, rows = "step"}]} {
  func.func @f(%x: memref<?x96xf32>, %n: index) {
    // expected-error @+1 {{expects no value, as probe 0 of 'tok.probes' says}}
    tok.probe 0 of(%x : memref<?x96xf32>)
    return
  }
}

// -----

module attributes {tok.probes = [{kernel = 0 : i64, label = "x"}, {kernel = 0 : i64, label = "x", value = "x", type = "f32", columns = 1 : i64, rows = "step"}]} {
  func.func @f(%x: memref<?x96xf32>, %n: index) {
    // expected-error @+1 {{expects both ends of its rows or none}}
    "tok.probe"(%n) <{number = 0 : i64, operandSegmentSizes = array<i32: 1, 0, 0, 0>}> : (index) -> ()
    return
  }
}

// -----

module attributes {tok.probes = [{kernel = 0 : i64, label = "x"}, {kernel = 0 : i64, label = "x", value = "x", type = "f32", columns = 1 : i64, rows = "step"}]} {
  func.func @f(%x: memref<96xf32>) {
    // expected-error @+1 {{expects a value of rows of static size, but got 'memref<96xf32>'}}
    tok.probe 1 of(%x : memref<96xf32>)
    return
  }
}

// -----

module attributes {tok.probes = [{kernel = 0 : i64, label = "x"}, {kernel = 0 : i64, label = "x", value = "x", type = "f32", columns = 1 : i64, rows = "step"}]} {
  func.func @f(%x: memref<?x?xf32>) {
    // expected-error @+1 {{expects a value of rows of static size, but got 'memref<?x?xf32>'}}
    tok.probe 1 of(%x : memref<?x?xf32>)
    return
  }
}

// -----

func.func @f(%n: index) {
  // expected-error @+1 {{expects the number of one of the 0 probes of 'tok.probes', but got 0}}
  tok.probe 0
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects a name for each of 1 outputs, but got 2}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} {names = ["a", "b"]}
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects names of letters, digits, '.', '-' and '_', but got "a/b"}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} {names = ["a/b"]}
  return
}

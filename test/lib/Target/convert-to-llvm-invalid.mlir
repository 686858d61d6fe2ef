// RUN: tokopt-opt %s --tok-convert-to-llvm=bare-pointers=true --verify-diagnostics

// A pointer alone does not say how many rows there are.
// expected-error @below {{failed to legalize operation 'func.func'}}
func.func @rows(%x: memref<?x96xf32>) {
  return
}

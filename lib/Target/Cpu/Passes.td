//===- Passes.td - Passes of the CPU target ----------------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TARGET_CPU_PASSES_TD
#define TOKOPT_TARGET_CPU_PASSES_TD

include "passes/TokPass.td"

def ExpandPass : TokPass<"tok-expand", Tolerance<"4e-6">, "::mlir::func::FuncOp"> {
  let summary = "Expand math functions, affine expressions and strided memrefs";
  let description = [{
    What is not a machine's operation becomes several that are, in one walk:

    - functions of `math` become polynomials of f32, so that no call to libm is left, since a bundle links no library.
      What is an instruction stays: `fma`, `sqrt`, `floor` and the like, and `rsqrt`, which is one over the root;
    - divisions that round up or down become such as round to zero;
    - conversions of bf16 become integer operations on its bits;
    - strided memrefs become a base and an offset, `affine` becomes `arith` and `scf`.

    Before:

    ```mlir
    func.func @f(%x: memref<?x8xf32>, %i: index) -> f32 {
      %row = memref.subview %x[%i, 0] [1, 8] [1, 1] : memref<?x8xf32> to memref<8xf32, strided<[1], offset: ?>>
      %third = affine.load %row[3] : memref<8xf32, strided<[1], offset: ?>>
      %c2 = arith.constant 2 : i32
      %square = math.fpowi %third, %c2 : f32, i32
      return %square : f32
    }
    ```

    After:

    ```mlir
    func.func @f(%x: memref<?x8xf32>, %i: index) -> f32 {
      %c8 = arith.constant 8 : index
      %offset = arith.muli %i, %c8 overflow<nsw> : index
      %row = memref.reinterpret_cast %x to offset: [%offset], sizes: [8], strides: [1]
          : memref<?x8xf32> to memref<8xf32, strided<[1], offset: ?>>
      %c3 = arith.constant 3 : index
      %third = memref.load %row[%c3] : memref<8xf32, strided<[1], offset: ?>>
      %square = arith.mulf %third, %third : f32
      return %square : f32
    }
    ```

    Numerics: tolerance. The polynomials are within 4e-6 of the functions where those are at most one, and of their
    values beyond (`test/lib/Target/TargetTest.cpp` measures it).
  }];
  let idempotent = 1;
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

def ConvertToLLVMPass : TokPass<"tok-convert-to-llvm", Exact> {
  let summary = "Convert func, cf, arith, math, memref, index and ub to LLVM";
  let description = [{
    Everything that is not of the vector dialect, in one conversion: the cost of a conversion is mostly that of
    walking the module. Whatever a function has of other dialects is an error at its op; vectors and `scf` have passes
    of their own upstream, which run before. What stands beside functions (`tok.weight`, `tok.schedule`) stays.

    Before:

    ```mlir
    func.func @add(%frame: !llvm.ptr, %worker: i64) -> i64 {
      %rows = llvm.load %frame : !llvm.ptr -> i64
      %sum = arith.addi %rows, %worker : i64
      return %sum : i64
    }
    ```

    After:

    ```mlir
    llvm.func @add(%frame: !llvm.ptr, %worker: i64) -> i64 {
      %rows = llvm.load %frame : !llvm.ptr -> i64
      %sum = llvm.add %rows, %worker : i64
      llvm.return %sum : i64
    }
    ```

    Numerics: exact. Each op becomes the instruction of its name, and nothing may be reassociated.
  }];
  let idempotent = 1;
  let options = [
    Option<"barePointers", "bare-pointers", "bool", /*default=*/"false",
           "Pass memrefs as pointers, not as descriptors; each must have a static shape and identity layout">,
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // TOKOPT_TARGET_CPU_PASSES_TD

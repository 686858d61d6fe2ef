//===- TokInterfaces.td - Interfaces of the tok dialect ----*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_TOKINTERFACES_TD
#define TOK_TOKINTERFACES_TD

include "mlir/IR/OpBase.td"

def Tok_FormatInterface : TypeInterface<"FormatInterface"> {
  let cppNamespace = "::tokopt::tok";
  let description = [{
    A storage format of weights: `block` consecutive values of a row are stored
    together in `blockBytes` bytes.
  }];
  let methods = [
    InterfaceMethod<"Values of one block.", "int64_t", "getBlock">,
    InterfaceMethod<"Bytes of one block in the model file.", "int64_t", "getBlockBytes">,
    InterfaceMethod<"Whether `tok.quantize` is defined for it: rounding, and no search.", "bool",
                    "hasRounding">,
  ];
}

def Tok_WeightUserInterface : OpInterface<"WeightUserInterface"> {
  let cppNamespace = "::tokopt::tok";
  let description = [{
    An op that reads weights. Passes that edit weights find their readers
    through it, and the shared symbol verifier checks that each family exists
    and has the layer: in a kind, every layer that a stack applies it to;
    anywhere else, the constant that the op names.
  }];
  let methods = [
    InterfaceMethod<"The families read, in operand order.",
                    "::llvm::SmallVector<::mlir::FlatSymbolRefAttr>", "getWeightSymbols">,
    InterfaceMethod<"The layer whose members are read, or null.",
                    "::mlir::Value", "getWeightLayer">,
  ];
}

def Tok_WeightExpressionInterface : OpInterface<"WeightExpressionInterface"> {
  let cppNamespace = "::tokopt::tok";
  let description = [{
    An op that a weight may be computed by. It has one result, and works row by
    row: row r of the result depends on row r of each matrix and on the whole of
    each vector, on nothing else, and it has as many rows. So a bundler computes
    a weight of any size with the memory of a few rows.
  }];
  let verify = "return ::tokopt::tok::verifyWeightExpression($_op);";
}

def Tok_CacheUserInterface : OpInterface<"CacheUserInterface"> {
  let cppNamespace = "::tokopt::tok";
  let description = [{
    An op that reads or consumes a cache value. A cache has at most one
    consuming use, after all reads of it, so that it is updated in place. It has
    the layer that the op names: in a kind, every one that a stack applies it to;
    anywhere else, a constant.
  }];
  let methods = [
    InterfaceMethod<"The cache operand.", "::mlir::OpOperand &", "getCacheOperand">,
    InterfaceMethod<"The layer of the cache that is read or written.", "::mlir::Value",
                    "getCacheLayer">,
    InterfaceMethod<"Whether the op's result replaces the cache.", "bool", "consumesCache">,
  ];
  let verify = "return ::tokopt::tok::verifyCacheLayer($_op);";
}

#endif // TOK_TOKINTERFACES_TD

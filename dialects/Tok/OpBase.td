//===- OpBase.td - What every op file of the dialect needs -*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_OPBASE_TD
#define TOK_OPBASE_TD

include "dialects/Tok/TokTypes.td"
include "dialects/Tok/TokAttrs.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// `T x N` activations.
def Tok_RowsTensor : 2DTensorOf<[F32]>;
/// `T x H x D` activations.
def Tok_HeadsTensor : 3DTensorOf<[F32]>;
/// Activations of either shape.
def Tok_AnyRowsTensor : AnyTypeOf<[Tok_RowsTensor, Tok_HeadsTensor]>;
def Tok_IdsTensor : 1DTensorOf<[I32]>;

/// Values of the same rows of a step.
class Tok_SameRows<list<string> names>
    : AllMatchSameOperatorTrait<names, "::llvm::cast<::mlir::ShapedType>($_self.getType()).getDimSize(0)",
                                "number of rows">;

/// An op that reads weights of one layer.
class Tok_WeightUserOp<string mnemonic, list<Trait> traits = []>
    : Tok_Op<mnemonic, !listconcat(traits, [
        DeclareOpInterfaceMethods<SymbolUserOpInterface>,
        DeclareOpInterfaceMethods<Tok_WeightUserInterface>])>;

#endif // TOK_OPBASE_TD

//===- TokTypes.td - Types of the tok dialect --------------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_TOKTYPES_TD
#define TOK_TOKTYPES_TD

include "dialects/Tok/TokDialect.td"
include "dialects/Tok/TokInterfaces.td"
include "mlir/IR/AttrTypeBase.td"

class Tok_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<Tok_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

//===----------------------------------------------------------------------===//
// Weight formats
//===----------------------------------------------------------------------===//

/// A storage format as an element type: only tok ops accept tensors of it.
class Tok_Format<string name, string typeMnemonic, int block, int blockBytes, string formula, bit rounding = 1>
    : Tok_Type<name, typeMnemonic, [DeclareTypeInterfaceMethods<Tok_FormatInterface>]> {
  let summary = "blocks of " # block # " values in " # blockBytes # " bytes";
  let description = "Each value is `" # formula # "`."
    # !if(rounding, "", " Its scales are found by a search, so `tok.quantize` has no definition for it.");
  let extraClassDefinition = [{
    int64_t $cppClass::getBlock() const { return }] # block # [{; }
    int64_t $cppClass::getBlockBytes() const { return }] # blockBytes # [{; }
    bool $cppClass::hasRounding() const { return }] # rounding # [{; }
  }];
}

def Tok_Q4_0 : Tok_Format<"Q4_0", "q4_0", 32, 18, "d * (q - 8), q in 0..15">;
def Tok_Q4_1 : Tok_Format<"Q4_1", "q4_1", 32, 20, "d * q + m, q in 0..15">;
def Tok_Q5_0 : Tok_Format<"Q5_0", "q5_0", 32, 22, "d * (q - 16), q in 0..31">;
def Tok_Q8_0 : Tok_Format<"Q8_0", "q8_0", 32, 34, "d * q, q in -128..127">;
def Tok_Q4_K : Tok_Format<"Q4_K", "q4_k", 256, 144,
    "d * scale * q - dmin * min, q in 0..15, scale and min 6 bits for 32 values", 0>;
def Tok_Q6_K : Tok_Format<"Q6_K", "q6_k", 256, 210,
    "d * scale * (q - 32), q in 0..63, scale 8 bits for 16 values", 0>;

//===----------------------------------------------------------------------===//
// Rows and caches
//===----------------------------------------------------------------------===//

def Tok_Rows : Tok_Type<"Rows", "rows"> {
  let summary = "the i32 columns of the packed rows of one step";
  let description = [{
    Columns travel with the rows: `pos` is the position in the row's sequence,
    `seq` the index of the sequence in the page tables. Example:
    `!tok.rows<pos, seq>`.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$columns);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Tok_Cache : Tok_Type<"Cache", "cache"> {
  let summary = "the key/value cache of a set of layers, as a value";
  let description = [{
    Per layer, slots of (k, v, columns); free slots are zero. `heads` is `G`;
    `k` and `v` give head size and element type. `page` slots stand together;
    `window` (0 = none) makes memory stop growing, `sinks` leading positions
    stay; the last `residual` positions stay unquantized. `tables` is `shared`
    by all heads or one a `head`. `digests` are side data kept for selection.

    Example: `!tok.cache<layers = [0-29], heads = 3, k = 64 x f16, v = 64 x f16,
    page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0,
    tables = shared, columns = [pos], digests = []>`.
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t">:$layers,
    "int64_t":$heads, "int64_t":$kSize, "::mlir::Type":$kType,
    "int64_t":$vSize, "::mlir::Type":$vType, "int64_t":$page,
    "::mlir::StringAttr":$keys, "int64_t":$window, "int64_t":$sinks,
    "int64_t":$residual, "::mlir::StringAttr":$tables,
    ArrayRefParameter<"::mlir::StringAttr">:$columns,
    ArrayRefParameter<"::mlir::StringAttr">:$digests);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The same cache with other element types of keys and values.
    CacheType withElementTypes(::mlir::Type k, ::mlir::Type v) const;
    /// The number of `layer` among the cache's layers, or -1.
    int64_t indexOfLayer(int64_t layer) const;
  }];
}

#endif // TOK_TOKTYPES_TD

//===- TokAttrs.td - Attributes of the tok dialect ---------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_TOKATTRS_TD
#define TOK_TOKATTRS_TD

include "dialects/Tok/TokDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/Properties.td"

class Tok_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Tok_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

class Tok_Enum<string name, string summary, list<I32EnumCase> cases>
    : I32Enum<name, summary, cases> {
  let cppNamespace = "::tokopt::tok";
}

def Tok_NormKind : Tok_Enum<"NormKind", "how a row is normalized", [
  I32EnumCase<"Rms", 0, "rms">,      // x / sqrt(mean(x^2) + eps) * w
  I32EnumCase<"Layer", 1, "layer">   // (x - mean(x)) / sqrt(var(x) + eps) * w
]>;

def Tok_RopePairs : Tok_Enum<"RopePairs", "which two elements of a head rotate together", [
  I32EnumCase<"Adjacent", 0, "adjacent">, // 2i and 2i + 1
  I32EnumCase<"Halves", 1, "halves">      // i and i + D/2
]>;

def Tok_Activation : Tok_Enum<"Activation", "the activation of a gate", [
  I32EnumCase<"Silu", 0, "silu">,         // x / (1 + exp(-x))
  I32EnumCase<"GeluTanh", 1, "gelu_tanh"> // 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
]>;

def Tok_ScheduleKind : Tok_Enum<"ScheduleKind", "how prompts are cut into steps", [
  I32EnumCase<"Whole", 0, "whole">,
  I32EnumCase<"Chunked", 1, "chunked">,
  I32EnumCase<"Layered", 2, "layered">
]>;

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

def Tok_ModelAttr : Tok_Attr<"Model", "model"> {
  let summary = "what a module's model is";
  let description = [{
    `width` is the size of the residual stream, `context` the longest sequence
    the model was trained for. Example: `#tok.model<arch = "llama",
    name = "SmolLM2", layers = 30, width = 576, context = 8192, vocab = 49152>`.
  }];
  let parameters = (ins StringRefParameter<>:$arch, StringRefParameter<>:$name,
    "int64_t":$layers, "int64_t":$width, "int64_t":$contextLength, "int64_t":$vocab);
  let assemblyFormat = [{ `<` `arch` `=` $arch `,` `name` `=` $name `,` `layers` `=` $layers `,`
    `width` `=` $width `,` `context` `=` $contextLength `,` `vocab` `=` $vocab `>` }];
  let genVerifyDecl = 1;
}

def Tok_SourceAttr : Tok_Attr<"Source", "source"> {
  let summary = "a range of bytes of a file";
  let description = "Example: `#tok.source<file = \"m.gguf\", offset = 24, bytes = 4096>`.";
  let parameters = (ins StringRefParameter<>:$file, "int64_t":$offset, "int64_t":$bytes);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Tok_ComputeAttr : Tok_Attr<"Compute", "compute"> {
  let summary = "the number format in which a linear reads its input";
  let description = [{
    `i8` with a `block` B: in each block of B inputs the row is replaced by
    `d * q`, with `d = max|x| / 127` and `q = round(x * (127 / max|x|))` (half to
    even), before the product is taken; the products of one block are summed
    exactly. Absent means f32. Example: `#tok.compute<i8, block = 32>`.
  }];
  let parameters = (ins "::mlir::Type":$type, "int64_t":$block);
  let assemblyFormat = "`<` $type `,` `block` `=` $block `>`";
  let genVerifyDecl = 1;
}

def Tok_MaskAttr : Tok_Attr<"Mask", "mask"> {
  let summary = "which cached rows a row sees, as predicates over columns";
  let description = [{
    Every rule holds only for rows of the same sequence. `full` sees all rows that
    the cache holds up to the sequence's last one of this step; `lane(step = pos)`
    sees rows whose `pos` is not larger (causal); `window<n>` sees only rows with
    `pos > own pos - n`. Rules joined by commas all hold, so the smallest of several
    windows does, and `full` beside another rule adds nothing.
    Examples: `#tok.mask<lane(step = pos)>`,
    `#tok.mask<lane(step = pos), window<512>>`.
  }];
  let parameters = (ins "bool":$causal, "int64_t":$window);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif // TOK_TOKATTRS_TD

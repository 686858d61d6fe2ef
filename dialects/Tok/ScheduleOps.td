//===- ScheduleOps.td - How prompts are cut into steps -----*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_SCHEDULEOPS_TD
#define TOK_SCHEDULEOPS_TD

include "dialects/Tok/OpBase.td"

def Tok_ScheduleOp : Tok_Op<"schedule", [Symbol]> {
  let summary = "the order in which the runtime passes rows through the layers";
  let description = [{
    Data that travels in the bundle and that the runtime obeys. `whole`: a prompt
    is one step. `chunked`: at most `budget` rows a step, decodes first.
    `layered`: `groups` are boundaries of layer ranges, ascending from 0 to the
    number of layers; a chunk passes one group a step while decodes pass all.
    No schedule changes a result. A module has at most one.

    Example:

    ```mlir
    tok.schedule @layers layered budget = 512 groups = [0, 10, 20, 30]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, EnumProp<Tok_ScheduleKind>:$kind, I64Attr:$budget,
    OptionalAttr<DenseI64ArrayAttr>:$groups);
  let assemblyFormat = "$sym_name $kind `budget` `=` $budget (`groups` `=` $groups^)? attr-dict";
  let hasVerifier = 1;
}

#endif // TOK_SCHEDULEOPS_TD

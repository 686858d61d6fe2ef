//===- tokopt-import.cpp - Writes a model file as MLIR --------------------===//

#include "tokopt/Import.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

enum ExitStatus { Success = 0, BadInput = 1, BadUsage = 2 };

static cl::OptionCategory category("tokopt-import options");
static cl::opt<std::string> input(cl::Positional, cl::Required,
                                  cl::value_desc("model"),
                                  cl::desc("<model.gguf>"), cl::cat(category));
static cl::opt<std::string>
    output("o", cl::Required, cl::value_desc("file"),
           cl::desc("Where to write the module; - is the standard output"),
           cl::cat(category));

/// Writes `module` beside `path` and renames it when it is whole.
static Error writeModule(mlir::ModuleOp module, StringRef path) {
  return writeToOutput(path, [&](raw_ostream &os) -> Error {
    module.print(os);
    os << '\n';
    os.flush();
    // A stream that is destroyed with an error ends the program.
    if (os.get_kind() != raw_ostream::OStreamKind::OK_FDStream)
      return Error::success();
    auto &file = static_cast<raw_fd_ostream &>(os);
    if (!file.has_error())
      return Error::success();
    std::error_code code = file.error();
    file.clear_error();
    return createStringError(
        code, path + ": cannot write the module: " + code.message());
  });
}

static Error run() {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = tokopt::importModel(input, context);
  if (!module)
    return module.takeError();
  return writeModule(**module, output);
}

int main(int argc, char **argv) {
  cl::HideUnrelatedOptions(category);
  cl::SetVersionPrinter(
      [](raw_ostream &os) { os << "tokopt-import " TOKOPT_VERSION "\n"; });
  if (!cl::ParseCommandLineOptions(argc, argv, "Writes a model file as MLIR\n",
                                   &errs()))
    return BadUsage;
  if (Error error = run()) {
    WithColor::error(errs(), "tokopt-import")
        << toString(std::move(error)) << '\n';
    return BadInput;
  }
  return Success;
}

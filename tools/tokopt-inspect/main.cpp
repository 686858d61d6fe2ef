//===- main.cpp - Prints what a bundle is ---------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/Common/Common.h"

#include <cinttypes>
#include <nlohmann/json.hpp>

using namespace tools;
using Json = nlohmann::ordered_json;

namespace {

/// The manifest with what is not in it: the file's sections, and which levels
/// run here.
Json describe(const tokrt_model_t *model) {
  const char *text;
  size_t size;
  tokrt_model_manifest(model, &text, &size);
  Json root = Json::parse(text, text + size); // the loader has checked it
  for (Json &level : root["levels"]) {
    Json missing = Json::array();
    for (const Json &feature : level["features"])
      if (!tokrt_cpu_has(feature.get_ref<const std::string &>().c_str()))
        missing.push_back(feature);
    level["missing_here"] = missing;
  }
  Json &sections = root["sections"] = Json::array();
  for (size_t i = 0; i < tokrt_model_section_count(model); ++i) {
    tokrt_section_t section;
    tokrt_model_section(model, i, &section);
    sections.push_back({{"name", section.name},
                        {"offset", section.offset},
                        {"bytes", section.size}});
  }
  tokrt_model_info_t info;
  tokrt_model_info(model, &info);
  root["file_bytes"] = info.file_bytes;
  return root;
}

std::string join(const Json &list) {
  std::string out;
  for (const Json &item : list)
    out += (out.empty() ? "" : " ") + item.get<std::string>();
  return out;
}

std::string text(const Json &value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Says of goldens how many there are and how closely they hold.
std::string describeGoldens(const Json &root) {
  if (!root.contains("goldens"))
    return "none: tokopt-run --verify checks hashes only; tokopt-compile "
           "--goldens puts some in";
  const Json &goldens = root["goldens"];
  size_t positions = 0;
  for (const Json &sequence : goldens["sequences"])
    positions += sequence["outputs"].size();
  return std::to_string(positions) + " positions of " +
         std::to_string(goldens["sequences"].size()) +
         " sequences, of the reference backend of " +
         text(goldens["producer"]) + ", to " + text(goldens["tolerance"]) +
         " of their root mean square";
}

void printLine(const char *name, const std::string &value) {
  printf("%-12s %s\n", name, value.c_str());
}

void print(const Json &root) {
  const Json &model = root["model"];
  printLine("model", text(model["name"]) + " (" + text(model["arch"]) + "), " +
                         text(model["layers"]) + " layers, width " +
                         text(model["width"]) + ", " + text(model["vocab"]) +
                         " tokens, context " + text(model["context"]));
  const Json &source = root["source"];
  printLine("source", text(source["name"]) + ", " + text(source["bytes"]) +
                          " bytes, " + text(source["hash"]));
  printLine("producer", text(root["producer"]) + ", format " +
                            text(root["format"]) + ", backend " +
                            text(root["backend"]) + ", machine " +
                            text(root["machine"]));
  printLine("weights", text(root["weights"]["bytes"]) + " bytes, " +
                           text(root["weights"]["hash"]));
  printLine("buffers", text(root["workspace"]["row_bytes"]) + " bytes a row, " +
                           text(root["workspace"]["fixed_bytes"]) +
                           " more, and " + text(root["scratch_bytes"]) +
                           " a worker");
  for (const Json &line : root.value("altered", Json::array()))
    printLine("altered", text(line) + ": made for a test, not for use");
  if (root.contains("probes")) {
    size_t values = 0;
    for (const Json &probe : root["probes"])
      values += probe.contains("value");
    printLine("probes", std::to_string(root["probes"].size()) + ", " +
                            std::to_string(values) +
                            " of values: instrumented, for tokopt-run "
                            "--profile and --dump-values");
  }
  printLine("goldens", describeGoldens(root));
  const Json &schedule = root["schedule"];
  std::string kind = text(schedule["kind"]);
  if (schedule.contains("budget"))
    kind += ", " + text(schedule["budget"]) + " rows a step";
  if (schedule.contains("groups"))
    kind += ", layers " + schedule["groups"].dump();
  printLine("schedule", kind);
  for (const Json &cache : root["caches"])
    printLine("cache", text(cache["name"]) + ", " + text(cache["slots"]) +
                           " positions in a page of " +
                           text(cache["page_bytes"]) + " bytes");
  for (const Json &level : root["levels"]) {
    const Json &missing = level["missing_here"];
    printLine(
        "level",
        text(level["name"]) + " (" + join(level["features"]) + "), " +
            (missing.empty() ? "runs here" : "here lacks " + join(missing)));
  }
  for (const Json &section : root["sections"])
    printf("%-12s %-16s %12" PRIu64 " bytes at %" PRIu64 "\n", "section",
           text(section["name"]).c_str(), section["bytes"].get<uint64_t>(),
           section["offset"].get<uint64_t>());
  for (const Json &pass : root["passes"])
    printLine("pass", text(pass["name"]) + "{" + text(pass["options"]) +
                          "}, contract " + text(pass["contract"]));
  for (const Json &kernel : root["kernels"])
    printLine("kernel", text(kernel["name"]) + ", " + text(kernel["family"]) +
                            ", " + text(kernel["config"]));
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app("Prints what a compiled model is; the file is checked first.",
               "tokopt-inspect");
  std::string bundle;
  bool json = false, verify = false;
  app.add_option("bundle", bundle, "The file that tokopt-compile wrote")
      ->required()
      ->option_text("BUNDLE");
  app.add_flag("--json", json,
               "Print one JSON object: the manifest, sections, and of each "
               "level what this CPU lacks");
  app.add_flag("--verify", verify, "Check the hash of the weights, too");
  app.set_version_flag("--version", "tokopt-inspect " TOKOPT_VERSION);
  return runTool(app, argc, argv, [&] {
    tokrt_model_params_t params;
    tokrt_model_params_init(&params);
    params.describe_only = 1;
    params.verify_weights = verify;
    tokrt_model_t *loaded;
    tokrt_error_t error;
    check(tokrt_model_load(bundle.c_str(), &params, &loaded, &error), error);
    ModelPtr model(loaded);
    Json root = describe(model.get());
    if (json)
      puts(root.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    else
      print(root);
  });
}

# Finds MLIR and defines the helpers the compiler's folders use.

# A distribution package has no cmake/mlir link in the default search path, so
# ask llvm-config where it lives unless the user already said so.
if(NOT MLIR_DIR)
  find_program(TOKOPT_LLVM_CONFIG NAMES llvm-config-22 llvm-config)
  if(TOKOPT_LLVM_CONFIG)
    execute_process(COMMAND ${TOKOPT_LLVM_CONFIG} --prefix
                    OUTPUT_VARIABLE llvm_prefix OUTPUT_STRIP_TRAILING_WHITESPACE)
    list(APPEND CMAKE_PREFIX_PATH "${llvm_prefix}")
  endif()
endif()
# The version file wants the minor number to match, so "22" alone is refused.
find_package(MLIR 22.1 REQUIRED CONFIG)
message(STATUS "Using MLIR ${LLVM_PACKAGE_VERSION} in ${MLIR_DIR}")

list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
# add_mlir_doc writes below this; empty would mean the root of the file system.
set(MLIR_BINARY_DIR ${PROJECT_BINARY_DIR})

include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
# Headers are named from the source root ("dialects/Tok/TokOps.h"); the
# generated .inc files take the same path under the build root.
include_directories(${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include
                    ${PROJECT_BINARY_DIR})
separate_arguments(llvm_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
add_definitions(${llvm_definitions})

# tokopt_library(name SRCS a.cpp b.cpp DEPENDS IncGen... LINK other...)
#
# MLIR and LLVM come in through their one shared library each. Naming a static
# MLIR or LLVM archive next to them would give the process two type registries,
# so none is ever named.
function(tokopt_library name)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SRCS})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_compile_options(${name} PRIVATE -fno-exceptions)
  tokopt_warnings(${name})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
endfunction()

# tokopt_tool(name SRCS main.cpp LINK other...): a program in build/bin.
function(tokopt_tool name)
  cmake_parse_arguments(ARG "" "" "SRCS;LINK" ${ARGN})
  add_executable(${name} ${ARG_SRCS})
  target_compile_options(${name} PRIVATE -fno-exceptions)
  tokopt_warnings(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
endfunction()

find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_program(TOKOPT_LLVM_TBLGEN llvm-tblgen HINTS ${LLVM_TOOLS_BINARY_DIR} REQUIRED)

# tokopt_contracts(target out.inc family/Passes.td ...): the contracts of the passes as C++ initializers, read from
# their TableGen records, since mlir-tblgen drops fields it does not know.
function(tokopt_contracts target out)
  set(dumps)
  foreach(td ${ARGN})
    string(MAKE_C_IDENTIFIER ${td} name)
    set(dump ${CMAKE_CURRENT_BINARY_DIR}/${name}.json)
    add_custom_command(OUTPUT ${dump}
      COMMAND ${TOKOPT_LLVM_TBLGEN} --dump-json -I ${PROJECT_SOURCE_DIR} -I ${MLIR_INCLUDE_DIRS}
              ${PROJECT_SOURCE_DIR}/${td} -o ${dump}
      DEPENDS ${PROJECT_SOURCE_DIR}/${td} ${PROJECT_SOURCE_DIR}/passes/TokPass.td)
    list(APPEND dumps ${dump})
  endforeach()
  set(script ${PROJECT_SOURCE_DIR}/lib/Pipelines/contracts.py)
  add_custom_command(OUTPUT ${out} COMMAND Python3::Interpreter ${script} ${out} ${dumps}
    DEPENDS ${script} ${dumps})
  add_custom_target(${target} DEPENDS ${out})
endfunction()

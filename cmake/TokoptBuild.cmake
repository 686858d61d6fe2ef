# Flags and helpers every part shares; nothing here knows of LLVM.

find_program(TOKOPT_CCACHE ccache)
if(TOKOPT_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${TOKOPT_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${TOKOPT_CCACHE})
endif()

# Linking against libMLIR takes seconds with the default linker.
find_program(TOKOPT_LINKER NAMES mold ld.lld-22 ld.lld)
if(TOKOPT_LINKER MATCHES "mold$")
  add_link_options(-fuse-ld=mold)
elseif(TOKOPT_LINKER)
  add_link_options(-fuse-ld=lld)
endif()

if(TOKOPT_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# Warnings are errors in our code. Third-party headers come in as SYSTEM.
function(tokopt_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror -Wno-unused-parameter)
endfunction()

"""A small source archive with llama.cpp's interface to cmake, which compiles in a second."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CMAKE = """\
cmake_minimum_required(VERSION 3.14)
project(small C CXX)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
option(BUILD_SHARED_LIBS "shared" OFF)
option(GGML_NATIVE "native" ON)
option(GGML_BACKEND_DL "modules" OFF)
option(GGML_CPU_ALL_VARIANTS "variants" OFF)
option(GGML_RPC "rpc" OFF)
if(GGML_NATIVE AND GGML_BACKEND_DL)
  message(FATAL_ERROR "GGML_NATIVE is not compatible with GGML_BACKEND_DL")
endif()
add_library(ggml-base ggml.cpp)
set_target_properties(ggml-base PROPERTIES VERSION 0.7.1 SOVERSION 0)
add_executable(llama-server server.cpp)
target_compile_definitions(llama-server PRIVATE NUMBER=${LLAMA_BUILD_NUMBER})
target_link_libraries(llama-server PRIVATE ggml-base)
if(GGML_BACKEND_DL)
  add_library(ggml-cpu-x MODULE ggml.cpp)
  add_dependencies(ggml-base ggml-cpu-x)
endif()
if(GGML_RPC)
  add_executable(ggml-rpc-server rpc.cpp)
  target_link_libraries(ggml-rpc-server PRIVATE ggml-base)
endif()
add_executable(llama-unwanted unwanted.cpp)
"""
SERVER = """\
#include <cstdio>
#include <cstring>
int ggml();
int main(int argc, char **argv) {
  const char *asked = argc > 1 ? argv[1] : "";
  if (!strcmp(asked, "--version")) fprintf(stderr, "version: %d\\n", NUMBER);
  else if (!strcmp(asked, "--help")) puts("--model FNAME  model");
  else return 1;
  return ggml();
}
"""
FILES = {
    "CMakeLists.txt": CMAKE,
    "LICENSE": "MIT License\n\nCopyright\n",
    "licenses/LICENSE-small": "its own\n",
    "ggml.cpp": "int ggml() { return 0; }\n",
    "server.cpp": SERVER,
    "rpc.cpp": "int ggml();\nint main() { return ggml(); }\n",
    "wait.sh": "echo waiting\nuntil [ -e ../go ]; do sleep 0.05; done\n",
    "unwanted.cpp": "#error nobody asked for this\n",
}
WAITING = """\
add_custom_target(wait COMMAND sh ${CMAKE_SOURCE_DIR}/wait.sh)
add_dependencies(ggml-base wait)
"""
"""Of a build that goes on when there is a file `go` in its work."""


def packed(path: Path, **changed: str) -> Path:
    """The archive, with files that are `changed` (server_cpp=...) or more at CMakeLists' end."""
    files = dict(FILES)
    for key, text in changed.items():
        if key == "cmake_end":
            files["CMakeLists.txt"] += text
        else:
            files[key.replace("_", ".")] = text
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"llama.cpp-b7/{name}")
            info.size = len(content.encode())
            tar.addfile(info, io.BytesIO(content.encode()))
    return path

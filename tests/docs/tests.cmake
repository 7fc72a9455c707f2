# The tables of docs/scale.md are those that the script computes.
find_program(PYTHON3_PROGRAM python3)
if(PYTHON3_PROGRAM)
  add_test(NAME docs_scale COMMAND ${PYTHON3_PROGRAM} ${PROJECT_SOURCE_DIR}/scripts/simulate-scale --check)
endif()

# The code and command lines of docs/. Not with sanitizers, whose runtime the programs do not have.
if(TARGET indexkv_command AND NOT INDEXKV_SANITIZE)
  add_test(NAME docs_samples COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/docs/samples.sh
           ${PROJECT_SOURCE_DIR}/docs $<TARGET_FILE:indexkv_command> ${PROJECT_SOURCE_DIR}/include
           $<TARGET_FILE_DIR:indexkv>)
endif()

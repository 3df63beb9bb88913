/* core/cli/report.h - what ggx says: errors on stderr, results on stdout. */
#ifndef GGX_CORE_CLI_REPORT_H
#define GGX_CORE_CLI_REPORT_H

#include "base/text.h"
#include "source/open.h"

/* Prints "ggx: FILE: TEXT (at byte N)" and returns the exit code of docs/abi.md, section 10. `source` names the file, and may be
 * NULL. */
int ggx_report_error(const ggx_error *error, const ggx_source *source);

/* Writes the text to stdout and frees it. Returns the exit code: 1 when it could not be written or memory ran out. */
int ggx_report_result(ggx_text *text);

/* 1 when the stream may be coloured: a terminal, without NO_COLOR. */
int ggx_report_colors(int descriptor);

#endif

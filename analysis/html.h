/* SPDX-License-Identifier: Apache-2.0
 * Writing HTML: text that cannot become markup. */
#ifndef HACASIM_ANALYSIS_HTML_H
#define HACASIM_ANALYSIS_HTML_H

#include <stdio.h>

#define HTML_DASH "\xE2\x80\x94" /* for what has no value */

/* Escaped for content and for attributes in either kind of quotes.  NULL prints as a dash. */
void html_text(FILE *out, const char *text);

/* `format` is markup of ours in which each %s is escaped text; it knows no other directive than
 * %s, %u, %d and %%. */
void html_print(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

/* SPDX-License-Identifier: Apache-2.0
 * hacasim schema: every scenario key, from the tables that read them.
 *
 * Answers for: three forms of one truth.  The JSON form is a JSON Schema, with which an editor
 * completes and checks scenario files. */
#include <errno.h>

#include "analysis/analysis.h"
#include "analysis/options.h"
#include "models/models.h"

enum { KEY_MARKDOWN = 256, KEY_JSON };

static error_t schema_parse(int key, char *argument, struct argp_state *state)
{
    enum param_schema *form = state->input;
    (void)argument;
    switch (key) {
    case KEY_MARKDOWN:
        *form = PARAM_SCHEMA_MARKDOWN;
        return 0;
    case KEY_JSON:
        *form = PARAM_SCHEMA_JSON;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "schema takes no arguments");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option schema_options[] = {
    {.name = "markdown", .key = KEY_MARKDOWN, .doc = "as Markdown tables"},
    {.name = "json", .key = KEY_JSON, .doc = "as JSON Schema, for editors"},
    {.name = NULL},
};

static const struct argp schema_argp = {
    .options = schema_options,
    .parser = schema_parse,
    .doc = "Print every scenario key with its unit, default, range, meaning and source."
           "\vAn editor that knows YAML schemas completes and checks scenario files with: hacasim "
           "schema --json > hacasim.schema.json"};

int cmd_schema(int argc, char **argv)
{
    enum param_schema form = PARAM_SCHEMA_TEXT;
    argp_parse(&schema_argp, argc, argv, 0, NULL, &form);
    return options_exit(param_schema_write(models_table(), form, stdout));
}

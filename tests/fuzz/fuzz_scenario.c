/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: any bytes as a scenario and overrides, through loading, reading and printing.
 *
 * The input is the text of a scenario, then overrides, separated by bytes 0xFF (which no UTF-8
 * text holds; the text alone may hold any other byte).  Beyond not crashing and not leaking, three
 * things must hold: the canonical text is itself a scenario with the same canonical text; every
 * effective value of a number prints to what it reads back as (asserted by reading the canonical
 * text to the same struct); findings print.
 *
 * Built by `make fuzz` with libFuzzer.  With -DFUZZ_STANDALONE it has a main that runs the files it
 * is given, to replay a finding under a debugger. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/param_sample.h"

enum { SETS_MAX = 8, TEXT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    char text[TEXT_MAX + 1];
    size_t length; /* of the scenario */
    const char *sets[SETS_MAX];
    size_t set_count;
};

static bool split(struct input *input, const uint8_t *data, size_t size)
{
    if (size > TEXT_MAX) return false;
    memcpy(input->text, data, size);
    input->text[size] = '\0';
    input->length = size;
    input->set_count = 0;
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0xFF) continue;
        input->text[i] = '\0';
        if (input->set_count == 0) input->length = i;
        if (input->set_count < SETS_MAX) input->sets[input->set_count++] = input->text + i + 1;
    }
    return true;
}

static struct param_doc *read_all(struct arena *arena, struct diag *diag, struct sample *sample,
                                  const char *text, size_t length, const struct input *input)
{
    diag_init(diag, arena);
    memset(sample, 0, sizeof *sample);
    struct param_doc *doc = param_load_text(arena, "fuzz", text, length, input ? input->sets : NULL,
                                            input ? input->set_count : 0, diag);
    if (doc) param_read(doc, &sample_table, sample, diag);
    return doc;
}

/* What has no pointers in it must come out the same from the canonical text. */
static void check_canonical(struct param_doc *doc, struct arena *arena, const struct sample *first)
{
    struct diag diag;
    struct sample second;
    const char *canonical = param_canonical(doc);
    struct param_doc *again = read_all(arena, &diag, &second, canonical, strlen(canonical), NULL);
    assert(again);
    assert(strcmp(param_canonical(again), canonical) == 0);
    assert(second.horizon == first->horizon && second.count == first->count);
    assert(second.memory == first->memory && second.stake == first->stake);
    assert(second.real == first->real && second.wait_s == first->wait_s);
    assert(second.start.kind == first->start.kind && second.delay.kind == first->delay.kind);
    assert(second.nodes.count == first->nodes.count);
    param_close(again);
}

static void check_effective(struct param_doc *doc)
{
    size_t count;
    const struct param_effective *effective = param_effective(doc, &count);
    for (size_t i = 0; i < count; i++)
        assert(effective[i].path && effective[i].value && effective[i].origin);
    param_where(doc, "nodes[0].count");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct input input;
    static FILE *nowhere;
    if (!nowhere) nowhere = fopen("/dev/null", "w");
    if (!split(&input, data, size)) return 0;
    struct arena arena;
    struct diag diag;
    struct sample sample;
    arena_init(&arena, "fuzz", (size_t)1 << 30);
    struct param_doc *doc = read_all(&arena, &diag, &sample, input.text, input.length, &input);
    diag_print(&diag, nowhere);
    assert(doc || diag.count > 0);
    if (doc) {
        check_effective(doc);
        if (diag.count == 0) check_canonical(doc, &arena, &sample);
        param_close(doc);
    }
    arena_free(&arena);
    return 0;
}

#ifdef FUZZ_STANDALONE
int main(int count, char **names)
{
    for (int i = 1; i < count; i++) {
        static uint8_t data[TEXT_MAX];
        FILE *file = fopen(names[i], "rb");
        if (!file) {
            perror(names[i]);
            return 1;
        }
        size_t size = fread(data, 1, sizeof data, file);
        fclose(file);
        LLVMFuzzerTestOneInput(data, size);
    }
    return 0;
}
#endif

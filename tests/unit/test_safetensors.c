/* SPDX-License-Identifier: Apache-2.0
 * The reader of safetensors files: what it takes, and what each broken file is told. */
#include "tests/unit/infer_plain.h"
#include "tests/unit/unit.h"

#include <unistd.h>

#include "gpu/safetensors.h"
#include "gpu/weights.h"

static char path[64];

static const struct infer_shape tiny = {.layers = 1,
                                        .hidden = 32,
                                        .heads = 2,
                                        .kv_heads = 1,
                                        .head_dim = 16,
                                        .vocab = 20,
                                        .ffn = 48,
                                        .dense_layers = 1,
                                        .rope_theta = 1e4,
                                        .norm_eps = 1e-5};

static void assert_says(enum status status, enum status want, const char *text)
{
    char said[1024];
    status_take(said, sizeof said);
    if (strstr(said, text) == NULL) printf("'%s' is not in '%s'\n", text, said);
    assert_int_equal(status, want);
    assert_non_null(strstr(said, text));
}

/* ---- headers -------------------------------------------------------------------------------- */

static const struct {
    const char *header;
    uint64_t data_bytes;
    const char *says; /* NULL: it is sound */
} headers[] = {
    {"{}", 0, NULL},
    {"{\"__metadata__\":{}}   ", 0, NULL},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, NULL},
    {"{ \"a\" : {\"data_offsets\":[ 0 , 12 ],\n\"shape\":[2,3], \"dtype\":\"BF16\"} }", 12, NULL},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[0,0]}}", 0, NULL},
    {"", 0, "byte 0 of the header: expected '{'"},
    {"[]", 0, "expected '{'"},
    {"{", 0, "expected '\"'"},
    {"{}x", 0, "something behind the last '}'"},
    {"{\"a\"}", 0, "byte 4 of the header: expected ':'"},
    {"{\"a\":{}}", 0, "tensor a has no dtype"},
    {"{\"a\":{\"dtype\":\"F32\"}}", 0, "tensor a has no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0, "tensor a has no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0, "a key given twice"},
    {"{\"a\":{\"kind\":\"F32\"}}", 0, "none of dtype, shape, data_offsets"},
    {"{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype F33"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8,
     "F32 [1] does not take the 8 bytes from 0 to 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4,
     "ends at byte 8 of the data, of which there are 4: the file is cut off"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "does not take"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4611686018427387904],"
     "\"data_offsets\":[0,4]}}",
     4, "does not take"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 4,
     "a number beyond 63 bits"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4,
     "expected a whole number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[01],\"data_offsets\":[0,4]}}", 4, "a leading 0"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "expected ']'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
     "too many numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
     "data_offsets are two numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8,
     "4 bytes behind the last tensor"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
     3, "tensor b begins at byte 1 of the data, but the one before ends at 2"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, "begins at byte 1"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
     2, "tensor a is there twice"},
    {"{\"a\\u0062\":{}}", 0, "an escape in a text"},
    {"{\"a\xff\":{}}", 0, "not UTF-8"},
    {"{\"a\n\":{}}", 0, "a control character"},
    {"{\"a", 0, "a text without its end"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "expected '\"'"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ is there twice"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},}", 1, "expected '\"'"},
};

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct arena arena;
        arena_init(&arena, "test", 0);
        struct safetensors file = {.path = "f", .fd = -1};
        enum status status = safetensors_parse(&file, headers[i].header, strlen(headers[i].header),
                                               headers[i].data_bytes, &arena);
        if (headers[i].says == NULL) {
            if (status != STATUS_OK) status_print(stdout);
            assert_int_equal(status, STATUS_OK);
        } else {
            assert_says(status, STATUS_USER, headers[i].says);
        }
        arena_free(&arena);
    }
}

/* ---- files ---------------------------------------------------------------------------------- */

static enum status open_tiny(const struct infer_shape *shape)
{
    struct infer *engine;
    struct infer_terms terms = {.shape = *shape,
                                .weights = path,
                                .block_tok = 4,
                                .blocks = 4,
                                .seqs_max = 1,
                                .step_tok_max = 4,
                                .context_max = 16,
                                .threads = 1};
    enum status status = infer_open(&engine, &terms);
    infer_close(engine);
    return status;
}

static void test_shapes_and_names(void **state)
{
    (void)state;
    struct plain_model *plain = plain_make(&tiny, 1);
    struct infer_shape other = tiny;
    plain_write(plain, path, true, NULL);
    assert_int_equal(open_tiny(&tiny), STATUS_OK);
    other.ffn = 64;
    assert_says(open_tiny(&other), STATUS_USER,
                "tensor model.layers.0.mlp.gate_proj.weight is BF16 [48, 32], and this model needs "
                "[64, 32]");
    other = tiny;
    other.layers = other.dense_layers = 2;
    assert_says(open_tiny(&other), STATUS_USER,
                "there is no tensor model.layers.1.input_layernorm.weight");
    other = tiny;
    other.head_norm = true;
    assert_says(open_tiny(&other), STATUS_USER,
                "there is no tensor model.layers.0.self_attn.q_norm.weight");
    other = tiny;
    other.tied = true; /* the head that a tied model repeats is let pass */
    assert_int_equal(open_tiny(&other), STATUS_OK);
    plain_write(plain, path, true, "model.norm.weight");
    assert_says(open_tiny(&tiny), STATUS_USER, "there is no tensor model.norm.weight");
    strcpy(plain->tensors[1].name, "model.layers.0.self_attn.q_proj.bias");
    plain_write(plain, path, true, NULL);
    assert_says(open_tiny(&tiny), STATUS_USER, "there is no tensor model.layers.0.input_layernorm");
    plain_free(plain);

    other = tiny;
    other.head_norm = true;
    plain = plain_make(&other, 1);
    plain_write(plain, path, false, NULL);
    assert_says(open_tiny(&tiny), STATUS_USER, "has no place in this model");
    plain->tensors[3].v[5] = NAN;
    plain_write(plain, path, false, NULL);
    assert_says(open_tiny(&other), STATUS_USER, "has values that are not finite");
    plain_free(plain);
}

/* Cut anywhere, the file is refused; with any one byte of its first kilobyte turned it is refused
 * or read, and never crashes. */
static void test_truncated_and_corrupt(void **state)
{
    (void)state;
    struct plain_model *plain = plain_make(&tiny, 1);
    plain_write(plain, path, true, NULL);
    FILE *file = fopen(path, "rb");
    static unsigned char bytes[1 << 16];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(size > 4096 && size < sizeof bytes);
    for (size_t cut = 0; cut < size; cut += cut < 64 ? 1 : 997) {
        file = fopen(path, "wb");
        fwrite(bytes, 1, cut, file);
        fclose(file);
        enum status status = open_tiny(&tiny);
        assert_says(status, STATUS_USER, cut < 8 ? "are no safetensors file" : path);
    }
    for (size_t at = 0; at < 1024; at += 3) {
        char said[1024];
        bytes[at] ^= 0x15;
        file = fopen(path, "wb");
        fwrite(bytes, 1, size, file);
        fclose(file);
        if (open_tiny(&tiny) != STATUS_OK) status_take(said, sizeof said);
        bytes[at] ^= 0x15;
    }
    plain_free(plain);
}

static void test_no_plain_file(void **state)
{
    (void)state;
    unlink(path);
    assert_says(open_tiny(&tiny), STATUS_USER, "No such file");
    struct infer_terms terms = {.shape = tiny, .weights = "/", .block_tok = 4, .blocks = 4};
    struct infer *engine;
    terms.seqs_max = terms.step_tok_max = terms.context_max = 4;
    assert_says(infer_open(&engine, &terms), STATUS_USER, "/ is not a plain file");
}

/* F16 is read exactly: 2^-24 is its smallest number, 65,504 its largest. */
static void test_half_precision(void **state)
{
    (void)state;
    struct plain_model *plain = plain_make(&tiny, 1);
    static const uint16_t halves[] = {0x0001, 0x3c00, 0xc000, 0x7bff, 0x83ff};
    static const float values[] = {0x1p-24f, 1.0f, -2.0f, 65504.0f, -0x1.ff8p-15f};
    plain_write(plain, path, true, NULL);
    FILE *file = fopen(path, "r+b");
    static char bytes[1 << 16];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    char *name = memmem(bytes, size, "\"model.embed_tokens.weight\":{\"dtype\":\"BF16\"", 43);
    assert_non_null(name);
    static const char f16[6] = {'"', 'F', '1', '6', '"', ' '};
    memcpy(name + 37, f16, sizeof f16);
    size_t header = (unsigned char)bytes[0] + 256U * (unsigned char)bytes[1];
    memset(bytes + 8 + header, 0, 20 * 32 * 2);
    memcpy(bytes + 8 + header, halves, sizeof halves);
    rewind(file);
    fwrite(bytes, 1, size, file);
    fclose(file);
    struct arena arena;
    struct weights_map map;
    arena_init(&arena, "test", 0);
    weights_map_init(&map, &tiny, INFER_FP32, &arena);
    char *base = malloc(map.bytes);
    assert_int_equal(weights_read(&map, &tiny, path, true, base), STATUS_OK);
    assert_memory_equal(base + map.matrices[map.embed].at, values, sizeof values);
    free(base);
    arena_free(&arena);
    plain_free(plain);
}

int main(void)
{
    snprintf(path, sizeof path, "/tmp/test_safetensors.%d", (int)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_shapes_and_names),
        cmocka_unit_test(test_truncated_and_corrupt),
        cmocka_unit_test(test_half_precision),
        cmocka_unit_test(test_no_plain_file),
    };
    int failed = cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
    unlink(path);
    return failed;
}

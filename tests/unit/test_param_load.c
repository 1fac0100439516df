/* SPDX-License-Identifier: Apache-2.0
 * Where scenario text comes from: overrides, base:, files that are no scenario; canonical text.
 * Files go to a directory under TMPDIR that is removed at the end. */
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/param_fixture.h"

/* ---- overrides ----------------------------------------------------------------------------- */

static void test_set_values(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, good,
              SETS("value=$0.75", "rate=5/s", "doc=a: b # c, [d", "nodes=[{name: n, count: 3}]",
                   "nodes[0].region=\"Paris\"", "point.high=9", "trace=t.csv", "name= padded "));
    assert_int_equal(l.diag.count, 0);
    assert_true(l.sample.value.kind == DIST_FIXED && l.sample.value.a == 0.75);
    assert_true(l.sample.rate == 5.0);
    assert_string_equal(l.sample.doc, "a: b # c, [d");
    assert_int_equal(l.sample.nodes.count, 1);
    const struct sample_node *node = l.sample.nodes.items;
    assert_string_equal(node->region, "Paris");
    assert_int_equal(node->count, 3);
    assert_true(l.sample.point.high == 9.0 && l.sample.point.low == 1.0);
    assert_string_equal(l.sample.trace, "t.csv");
    assert_string_equal(l.sample.name, "padded");
    unload(&l);
    /* a variant of a choice replaces another, whichever way it is written */
    load_text(&l, good,
              SETS("delay.uniform.low=1 s", "delay.uniform.high=2 s", "start.window.high=4"));
    assert_true(l.sample.delay.kind == DIST_UNIFORM && l.sample.delay.b == 2.0);
    check_printed(&l, "--set#3: error: start.window.high: start is a value, not a mapping\n");
    load_text(&l, good, SETS("delay.uniform={low: 1 s, high: 2 s}", "start={window: {high: 4}}"));
    assert_int_equal(l.diag.count, 0);
    assert_true(l.sample.delay.kind == DIST_UNIFORM && l.sample.delay.b == 2.0);
    assert_int_equal(l.sample.start.kind, SAMPLE_WINDOW);
    unload(&l);
    load_text(&l, good, SETS("delay.lognormal.median=3 s"));
    assert_true(l.sample.delay.kind == DIST_LOGNORMAL && l.sample.delay.a == 3.0);
    assert_true(l.sample.delay.b == 0.5);
    unload(&l);
}

static void test_set_findings(void **state)
{
    (void)state;
    const char *text = "nodes: [{name: a}, {name: b}]";
    check_sets(text, SETS("count=3.7", "nodes[0].count=0", "zzz=1"),
               "--set#1: error: count: 3.7 is not a whole number (allowed: 1 to 1000000)\n"
               "--set#2: error: nodes[0].count: 0 is out of range (allowed: 1 to 1000000)\n"
               "--set#3: error: zzz: unknown key (allowed here: hacasim, name, doc, trace, count, "
               "horizon, pictures, real, share, wait_s, rate, bandwidth, ...)\n"
               "3 errors\n");
    check_sets(text,
               SETS("novalue", "=x", "a..b=3", "nodes[b]=1", "nodes[1=2", ".a=1", "a.=1", "[0]=1"),
               "--set#1: error: novalue is not KEY=VALUE\n"
               "--set#2: error: '' is not a key path such as a.b[2].c\n"
               "--set#3: error: a..b is not a key path such as a.b[2].c\n"
               "--set#4: error: nodes[b] is not a key path such as a.b[2].c\n"
               "--set#5: error: nodes[1 is not a key path such as a.b[2].c\n"
               "--set#6: error: .a is not a key path such as a.b[2].c\n"
               "--set#7: error: a. is not a key path such as a.b[2].c\n"
               "--set#8: error: [0] is not a key path such as a.b[2].c\n"
               "8 errors\n");
    check_sets(text,
               SETS("nodes[2].count=3", "nodes.count=3", "name.x=3", "name[0]=3", "expect[0]=3"),
               "--set#1: error: nodes[2].count: nodes has 2 items, so there is none at index 2\n"
               "--set#2: error: nodes.count: nodes is a list, not a mapping\n"
               "--set#3: error: name.x: name is a value, not a mapping\n"
               "--set#4: error: name[0]: name is a value, not a list\n"
               "--set#5: error: expect[0]: expect is not given in the scenario, so it has no item "
               "0\n"
               "5 errors\n");
    check_sets(
        text, SETS("point=[1", "count=", "base=b.yaml", "doc=\xFF", "nodes[0]=5"),
        "--set#1: error: point: syntax error in [1: flow sequence without a closing bracket\n"
        "--set#2: error: count: has no value (expected a whole number)\n"
        "--set#3: error: base: cannot be set here, only in the file\n"
        "--set#4: error: the text is not UTF-8\n"
        "--set#5: error: nodes[0]: 5 is not a mapping with the keys name, region, count, "
        "gpu_price, point\n"
        "5 errors\n");
    check_sets(text, SETS("point={high: 1, high: 2}", "nodes[1]={name: c, x: &a 1}"),
               "--set#1: error: point.high: duplicate key\n"
               "--set#2: error: nodes[1].x: anchors (&) are not supported; use base: to inherit\n"
               "2 errors\n");
}

/* ---- files --------------------------------------------------------------------------------- */

static char *folder;

static void write_file(const char *name, const char *text, size_t length)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    fclose(file);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

/* Load a file of the folder; "@" in the expected text stands for the folder. */
static void check_file(const char *name, const char *expected)
{
    char path[300], whole[4000] = "";
    struct loaded l;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    load_file(&l, path, NULL);
    for (const char *at = expected; *at; at++) {
        size_t used = strlen(whole);
        snprintf(whole + used, sizeof whole - used, *at == '@' ? "%s" : "%.1s",
                 *at == '@' ? folder : at);
    }
    check_printed(&l, whole);
}

static void test_base(void **state)
{
    (void)state;
    struct loaded l;
    char path[300];
    write_text("base.yaml", "name: base\ncount: 5\npoint: {low: 2, high: 3}\ntrace: b.csv\n"
                            "delay: {lognormal: {median: 1 s, sigma: 1}}\n"
                            "value: {lognormal: {median: $1, sigma: 1}}\n"
                            "nodes: [{name: a}, {name: b}]\n");
    write_text("child.yaml", "base: base.yaml\npoint: {high: 7}\nhorizon: 2 h\n"
                             "delay: {fixed: 3 s}\nvalue: {lognormal: {sigma: 2}}\n"
                             "nodes: [{name: c}]\n");
    snprintf(path, sizeof path, "%s/child.yaml", folder);
    load_file(&l, path, SETS("count=6"));
    assert_int_equal(l.diag.count, 0);
    assert_string_equal(l.sample.name, "base");
    assert_int_equal(l.sample.count, 6);
    assert_true(l.sample.point.low == 2.0 && l.sample.point.high == 7.0);
    assert_true(l.sample.delay.kind == DIST_FIXED && l.sample.delay.a == 3.0);
    assert_true(l.sample.value.kind == DIST_LOGNORMAL && l.sample.value.a == 1.0);
    assert_true(l.sample.value.b == 2.0);
    assert_int_equal(l.sample.nodes.count, 1);
    assert_int_equal(strncmp(l.sample.trace, folder, strlen(folder)), 0);
    snprintf(path, sizeof path, "%s/base.yaml:3:14", folder);
    assert_string_equal(origin_of(&l, "point.low", "2"), path);
    snprintf(path, sizeof path, "%s/child.yaml:2:15", folder);
    assert_string_equal(origin_of(&l, "point.high", "7"), path);
    assert_null(strstr(param_canonical(l.doc), "base:"));
    /* the inherited variant of the choice is gone */
    assert_non_null(strstr(param_canonical(l.doc), "delay:\n  fixed: 3 s\nhorizon: 2 h\n"));
    unload(&l);
}

static void test_base_findings(void **state)
{
    (void)state;
    write_text("missing.yaml", "count: 0\nbase: nowhere.yaml\n");
    check_file("missing.yaml",
               "@/missing.yaml:1:8: error: count: 0 is out of range (allowed: 1 to 1000000)\n"
               "@/missing.yaml:2:1: error: base: cannot use @/nowhere.yaml: No such file or "
               "directory\n2 errors\n");
    write_text("a.yaml", "name: a\nbase: b.yaml\n");
    write_text("b.yaml", "\n\nbase: a.yaml\n");
    check_file("a.yaml",
               "@/b.yaml:3:1: error: base: cannot use @/a.yaml: it inherits from itself\n");
    write_text("dir.yaml", "base: .\n");
    check_file("dir.yaml", "@/dir.yaml:1:1: error: base: cannot use @/.: it is a directory\n");
    write_text("list.yaml", "base: [a]\n");
    check_file("list.yaml", "@/list.yaml:1:7: error: base: must be the name of a scenario file\n");
    write_text("broken.yaml", "a: [\n");
    write_text("on_broken.yaml", "base: broken.yaml\ncuont: 1\n");
    check_file("on_broken.yaml",
               "@/on_broken.yaml:2:1: error: cuont: unknown key; did you mean 'count'?\n"
               "@/broken.yaml:2:1: error: syntax error: flow sequence without a closing bracket\n"
               "2 errors\n");
    for (int i = 0; i < 18; i++) {
        char name[20], text[40];
        snprintf(name, sizeof name, "c%d.yaml", i);
        snprintf(text, sizeof text, "name: c\nbase: c%d.yaml\n", i + 1);
        write_text(name, text);
    }
    check_file("c0.yaml",
               "@/c16.yaml:2:1: error: base: more than 16 files inherit from each other\n");
    write_text("c16.yaml", "count: 3\n");
    check_file("c0.yaml", "");
    write_text("bad_base.yaml", "name: x\ncount: x\n");
    write_text("on_bad.yaml", "real: x\nbase: bad_base.yaml\n");
    check_file(
        "on_bad.yaml",
        "@/on_bad.yaml:1:7: error: real: x is not a number (allowed: -1e3 to 1e3)\n"
        "@/bad_base.yaml:2:8: error: count: x is not a whole number (allowed: 1 to 1000000)\n"
        "2 errors\n");
}

static void test_bad_files(void **state)
{
    (void)state;
    char path[300];
    check_file("nowhere.yaml", "@/nowhere.yaml: error: cannot use the file: No such file or "
                               "directory\n");
    check_file("", "@/: error: cannot use the file: it is a directory\n");
    write_text("empty.yaml", "");
    check_file("empty.yaml",
               "@/empty.yaml: error: the file is empty (a scenario begins with 'hacasim: 1')\n");
    write_text("comment.yaml", "# only a comment\n\n");
    check_file("comment.yaml",
               "@/comment.yaml: error: the file is empty (a scenario begins with 'hacasim: 1')\n");
    write_file("nul.yaml", "a: 1\nb: \0", 9);
    check_file("nul.yaml", "@/nul.yaml:2:4: error: the file is not text: NUL byte at offset 8\n");
    write_text("latin1.yaml", "name: x\ndoc: caf\xE9\n");
    check_file("latin1.yaml",
               "@/latin1.yaml:2:9: error: the file is not UTF-8: byte 0xE9 at offset 16\n");
    write_text("cut.yaml", "doc: \xC3\xA9\xE2\x82");
    check_file("cut.yaml", "@/cut.yaml:1:7: error: the file is not UTF-8: byte 0xE2 at offset 7\n");
    write_text("top.yaml", "- a\n- b\n");
    check_file("top.yaml",
               "@/top.yaml:1:1: error: the file is a list, not a mapping (key: value)\n");
    write_text("word.yaml", "hello\n");
    check_file("word.yaml",
               "@/word.yaml:1:1: error: the file is a value, not a mapping (key: value)\n");
    write_text("bom.yaml", "\xEF\xBB\xBFname: x\ncount: 0\n");
    check_file("bom.yaml",
               "@/bom.yaml:2:8: error: count: 0 is out of range (allowed: 1 to 1000000)\n");
    write_text("huge.yaml", "a: 1\n");
    snprintf(path, sizeof path, "%s/huge.yaml", folder);
    assert_int_equal(truncate(path, 100 << 20), 0);
    check_file("huge.yaml", "@/huge.yaml: error: cannot use the file: it is larger than 16 MiB\n");
    write_text("secret.yaml", "name: x\n");
    snprintf(path, sizeof path, "%s/secret.yaml", folder);
    assert_int_equal(chmod(path, 0), 0);
    if (access(path, R_OK) != 0) /* root reads it all the same */
        check_file("secret.yaml", "@/secret.yaml: error: cannot use the file: Permission denied\n");
    struct loaded l;
    load_file(&l, "/dev/zero", NULL);
    check_printed(&l, "/dev/zero: error: the file is larger than 16 MiB\n");
}

/* ---- canonical text ------------------------------------------------------------------------ */

static void check_canonical(const char *text, const char *expected)
{
    struct loaded l;
    load_text(&l, text, NULL);
    assert_string_equal(param_canonical(l.doc), expected);
    /* It is a scenario, and its own canonical form. */
    struct loaded again;
    load_text(&again, expected, NULL);
    assert_string_equal(param_canonical(again.doc), expected);
    unload(&again);
    unload(&l);
}

static void test_canonical(void **state)
{
    (void)state;
    static const char expected[] = "# hacasim canonical scenario 1\n"
                                   "a: 50 ms\n"
                                   "b:\n"
                                   "  x: []\n"
                                   "  y: {}\n"
                                   "  z: null\n"
                                   "c:\n"
                                   "  - 1\n"
                                   "  -\n"
                                   "    k: \"v: # \\\"q\\\"\"\n"
                                   "  -\n"
                                   "    - \"\"\n"
                                   "    - \"null\"\n"
                                   "    - \" \\x09\xC3\xA9\"\n"
                                   "\"odd key!\": $0.5\n";
    check_canonical("# comment\nc: [1, {k: 'v: # \"q\"'}, ['', \"null\", \" \\t\xC3\xA9\"]]\n"
                    "b: {z: ~, y: {}, x: []}\na:   '50 ms'\n'odd key!': $0.5",
                    expected);
    check_canonical(
        "'odd key!': \"$0.5\"\na: 50 ms # another\nb:\n  y: {}\n  x: []\n  z:\nc:\n- 1\n"
        "- k: \"v: # \\\"q\\\"\"\n- - \"\"\n  - 'null'\n  - \" \\t\xC3\xA9\"\n",
        expected);
    check_canonical("{}", "# hacasim canonical scenario 1\n{}\n");
}

/* ---- main ---------------------------------------------------------------------------------- */

static int make_folder(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    if (asprintf(&folder, "%s/test_param.XXXXXX", parent ? parent : "/tmp") < 0) return -1;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int remove_folder(void **state)
{
    (void)state;
    int failed = nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(folder);
    return failed;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_values), cmocka_unit_test(test_set_findings),
        cmocka_unit_test(test_base),       cmocka_unit_test(test_base_findings),
        cmocka_unit_test(test_bad_files),  cmocka_unit_test(test_canonical),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

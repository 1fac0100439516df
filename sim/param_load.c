/* SPDX-License-Identifier: Apache-2.0
 * Loading a scenario: the file, the files it inherits from, the overrides of the command line.
 *
 * Answers for: reading files safely (kind, size, encoding); the chain of base:, its depth and
 * cycles; merging; --set.
 * Leaves out: YAML itself (param_parse.c) and what keys mean (param_read.c).
 *
 * A layer is a source: base files below the file that names them, overrides on top in their order.
 * Mappings merge key by key, anything else is replaced whole.  Each pair remembers the layer that
 * gave it last, so that param_read.c can let `{fixed: 2 s}` replace an inherited `{lognormal: ...}`
 * where exactly one key may stand. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/param_internal.h"

/* Layers: files from PARAM_BASE_DEPTH_MAX down, overrides above them. */
enum { PARAM_LAYER_SET = PARAM_BASE_DEPTH_MAX + 1 };

/* A file in the chain of base:, from the last back to the scenario. */
struct param_chain {
    const struct param_chain *above;
    dev_t device;
    ino_t inode;
    unsigned depth; /* 0: the scenario */
};

struct param_loader {
    struct arena *arena;
    struct diag *diag;
    uint32_t files; /* loaded so far: the order of the next */
    bool partial;   /* some base: could not be loaded */
};

/* ---- files --------------------------------------------------------------------------------- */

const char *param_resolve(struct arena *arena, const struct param_source *source, const char *path)
{
    const char *slash = source->positions ? strrchr(source->name, '/') : NULL;
    if (path[0] == '/' || !slash) return arena_text(arena, path, strlen(path));
    return arena_print(arena, "%.*s%s", (int)(slash + 1 - source->name), source->name, path);
}

/* All bytes of an open file into `scratch`, at most one more than allowed; -1 with errno. */
static ssize_t param_file_read(struct arena *scratch, int file, size_t expected, char **text)
{
    size_t capacity = expected < 4096 ? 4096 : expected + 1, length = 0;
    *text = arena_alloc(scratch, capacity, 1);
    for (;;) {
        ssize_t got = read(file, *text + length, capacity - length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        length += (size_t)got;
        if (got == 0 || length > PARAM_FILE_BYTES_MAX) return (ssize_t)length;
        if (length == capacity) {
            *text = arena_grow(scratch, *text, capacity, 2 * capacity, 1);
            capacity *= 2;
        }
    }
}

/* Refuse what is not text, with the place of the first bad byte. */
static bool param_text_check(struct param_loader *loader, const struct param_source *source,
                             const char *text, size_t length)
{
    struct diag_where where = {.file = source->name, .order = source->order};
    if (length > PARAM_FILE_BYTES_MAX) {
        diag_add(loader->diag, where, NULL, "the file is larger than 16 MiB");
        return false;
    }
    size_t good = json_utf8_prefix(text, length);
    const char *zero = memchr(text, '\0', good);
    if (!zero && good == length) return true;
    size_t at = zero ? (size_t)(zero - text) : good;
    where.line = where.column = 1;
    for (size_t i = 0; i < at; i++) {
        bool continued = ((unsigned char)text[i] & 0xC0) == 0x80;
        where.column = text[i] == '\n' ? 1 : where.column + !continued;
        where.line += text[i] == '\n';
    }
    if (zero)
        diag_add(loader->diag, where, NULL, "the file is not text: NUL byte at offset %zu", at);
    else
        diag_add(loader->diag, where, NULL, "the file is not UTF-8: byte 0x%02X at offset %zu",
                 (unsigned char)text[at], at);
    return false;
}

/* Parse and check that the top is a mapping with something in it. */
static struct param_node *param_load_tree(struct param_loader *loader,
                                          const struct param_source *source, const char *text,
                                          size_t length)
{
    if (!param_text_check(loader, source, text, length)) return NULL;
    struct param_node *root = param_parse(loader->arena, source, NULL, text, length, loader->diag);
    if (!root) return NULL;
    if (param_node_is_null(root)) {
        struct diag_where where = {.file = source->name, .order = source->order};
        diag_add(loader->diag, where, NULL,
                 "the file is empty (a scenario begins with 'hacasim: 1')");
        return NULL;
    }
    if (root->kind == PARAM_NODE_MAPPING) return root;
    diag_add(loader->diag, root->where, NULL, "the file is %s, not a mapping (key: value)",
             param_node_noun(root));
    return NULL;
}

/* ---- merging ------------------------------------------------------------------------------- */

static void param_merge(struct arena *arena, struct param_node *under, struct param_node *over);

/* One key of the upper layer into the mapping below. */
static void param_merge_pair(struct arena *arena, struct param_node *under,
                             const struct param_pair *over)
{
    struct param_pair *pair = param_node_find(under, over->key);
    if (!pair) {
        param_node_add(arena, under, over->key, over->where, over->value)->layer = over->layer;
        return;
    }
    pair->layer = over->layer;
    pair->where = over->where;
    if (pair->value->kind == PARAM_NODE_MAPPING && over->value->kind == PARAM_NODE_MAPPING)
        param_merge(arena, pair->value, over->value);
    else
        pair->value = over->value;
}

static void param_merge(struct arena *arena, struct param_node *under, struct param_node *over)
{
    under->where = over->where;
    under->source = over->source;
    for (uint32_t i = 0; i < over->count; i++)
        param_merge_pair(arena, under, &over->pairs[i]);
}

/* ---- base: --------------------------------------------------------------------------------- */

static struct param_node *param_load_source(struct param_loader *loader,
                                            const struct param_chain *chain, const char *name,
                                            const char *text, size_t length);

/* Open a file of the chain and remember its identity; -1 with *problem in words. */
static int param_file_open(const char *path, struct param_chain *chain, size_t *size,
                           const char **problem)
{
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &info) != 0) {
        *problem = strerror(errno);
    } else if (S_ISDIR(info.st_mode)) {
        *problem = "it is a directory";
    } else if (S_ISREG(info.st_mode) && info.st_size > PARAM_FILE_BYTES_MAX) {
        *problem = "it is larger than 16 MiB";
    } else {
        *size = S_ISREG(info.st_mode) ? (size_t)info.st_size : 0;
        chain->device = info.st_dev;
        chain->inode = info.st_ino;
        return file;
    }
    if (file >= 0) close(file);
    return -1;
}

static bool param_chain_repeats(const struct param_chain *chain)
{
    for (const struct param_chain *above = chain->above; above; above = above->above)
        if (above->device == chain->device && above->inode == chain->inode) return true;
    return false;
}

/* One file and what it inherits from.  `where` and `key` say who asked for it. */
static struct param_node *param_load_file(struct param_loader *loader, struct param_chain *chain,
                                          const char *path, struct diag_where where,
                                          const char *key)
{
    const char *problem = NULL;
    size_t size = 0;
    int file = param_file_open(path, chain, &size, &problem);
    if (file >= 0 && param_chain_repeats(chain)) problem = "it inherits from itself";
    struct arena scratch;
    arena_init(&scratch, "scenario text", 0);
    char *text = NULL;
    ssize_t length = file >= 0 && !problem ? param_file_read(&scratch, file, size, &text) : 0;
    if (length < 0) problem = strerror(errno);
    if (file >= 0) close(file);
    struct param_node *root = NULL;
    if (problem && key)
        diag_add(loader->diag, where, key, "cannot use %s: %s", path, problem);
    else if (problem)
        diag_add(loader->diag, where, key, "cannot use the file: %s", problem);
    else
        root = param_load_source(loader, chain, path, text, (size_t)length);
    arena_free(&scratch);
    return root;
}

/* What `root` inherits from, NULL when nothing or when that failed. */
static struct param_node *param_load_base(struct param_loader *loader,
                                          const struct param_chain *chain, struct param_node *root)
{
    struct param_pair *pair = param_node_find(root, "base");
    if (!pair) return NULL;
    struct param_pair base = *pair;
    param_node_drop(root, pair);
    struct param_chain below = {.above = chain, .depth = chain->depth + 1};
    struct param_node *under = NULL;
    if (base.value->kind != PARAM_NODE_SCALAR || base.value->text[0] == '\0' ||
        param_node_is_null(base.value))
        diag_add(loader->diag, base.value->where, "base", "must be the name of a scenario file");
    else if (below.depth > PARAM_BASE_DEPTH_MAX)
        diag_add(loader->diag, base.where, "base", "more than 16 files inherit from each other");
    else
        under = param_load_file(loader, &below,
                                param_resolve(loader->arena, root->source, base.value->text),
                                base.where, "base");
    if (!under) loader->partial = true;
    return under;
}

static struct param_node *param_load_source(struct param_loader *loader,
                                            const struct param_chain *chain, const char *name,
                                            const char *text, size_t length)
{
    struct param_source *source = arena_alloc(loader->arena, 1, sizeof *source);
    *source = (struct param_source){.name = arena_text(loader->arena, name, strlen(name)),
                                    .order = loader->files++,
                                    .layer = PARAM_BASE_DEPTH_MAX - chain->depth,
                                    .positions = true};
    struct param_node *root = param_load_tree(loader, source, text, length);
    struct param_node *under = root ? param_load_base(loader, chain, root) : NULL;
    if (!under) return root;
    param_merge(loader->arena, under, root);
    return under;
}

/* ---- --set --------------------------------------------------------------------------------- */

struct param_set {
    struct param_loader *loader;
    struct param_source *source;
    struct diag_where where;
    const char *path; /* as typed */
    struct param_step steps[PARAM_SET_PARTS_MAX];
    int count;
};

/* The first `count` steps as a path. */
static const char *param_set_path(const struct param_set *set, int count)
{
    const char *path = "";
    for (int i = 0; i < count; i++)
        path = set->steps[i].key
                   ? arena_print(set->loader->arena, "%s%s%s", path, i > 0 ? "." : "",
                                 set->steps[i].key)
                   : arena_print(set->loader->arena, "%s[%u]", path, set->steps[i].index);
    return path;
}

/* The item of a list that step `at` selects, or NULL after a finding. */
static struct param_node **param_set_item(struct param_set *set, struct param_node *node, int at)
{
    struct diag *diag = set->loader->diag;
    uint32_t index = set->steps[at].index;
    const char *list = param_set_path(set, at);
    if (node->kind != PARAM_NODE_LIST)
        diag_add(diag, set->where, set->path, "%s is %s, not a list", list, param_node_noun(node));
    else if (index >= node->count)
        diag_add(diag, set->where, set->path, "%s has %u item%s, so there is none at index %u",
                 list, node->count, node->count == 1 ? "" : "s", index);
    else
        return &node->items[index];
    return NULL;
}

/* The value of the key that step `at` selects, made an empty mapping when it is not there. */
static struct param_node **param_set_key(struct param_set *set, struct param_node *node, int at)
{
    if (node->kind != PARAM_NODE_MAPPING) {
        diag_add(set->loader->diag, set->where, set->path, "%s is %s, not a mapping",
                 param_set_path(set, at), param_node_noun(node));
        return NULL;
    }
    struct param_pair *pair = param_node_find(node, set->steps[at].key);
    bool indexed = at + 1 < set->count && !set->steps[at + 1].key;
    if (indexed && (!pair || param_node_is_null(pair->value))) {
        diag_add(set->loader->diag, set->where, set->path,
                 "%s is not given in the scenario, so it has no item %u",
                 param_set_path(set, at + 1), set->steps[at + 1].index);
        return NULL;
    }
    struct arena *arena = set->loader->arena;
    if (!pair || param_node_is_null(pair->value)) {
        struct param_node *empty =
            param_node_make(arena, PARAM_NODE_MAPPING, set->source, set->where);
        if (pair)
            pair->value = empty;
        else
            pair = param_node_add(arena, node, set->steps[at].key, set->where, empty);
    }
    pair->layer = set->source->layer;
    return &pair->value;
}

static void param_set_apply(struct param_set *set, struct param_node *root,
                            struct param_node *value)
{
    struct param_node **slot = &root;
    struct param_pair *last = NULL;
    for (int at = 0; at < set->count && slot; at++) {
        struct param_node *node = *slot;
        slot = set->steps[at].key ? param_set_key(set, node, at) : param_set_item(set, node, at);
        last = slot && set->steps[at].key ? param_node_find(node, set->steps[at].key) : NULL;
    }
    if (!slot) return;
    if (last) last->where = set->where;
    if ((*slot)->kind == PARAM_NODE_MAPPING && value->kind == PARAM_NODE_MAPPING)
        param_merge(set->loader->arena, *slot, value);
    else
        *slot = value;
}

/* The text after '=': YAML when it begins with a bracket, a brace or a quote, else taken as it is,
 * so that neither a colon nor a hash in it needs care. */
static struct param_node *param_set_value(const struct param_set *set, const char *text)
{
    struct param_loader *loader = set->loader;
    text += strspn(text, " ");
    size_t length = strlen(text);
    if (length > 0 && strchr("[{\"'", text[0]))
        return param_parse(loader->arena, set->source, set->path, text, length, loader->diag);
    while (length > 0 && text[length - 1] == ' ')
        length--;
    struct param_node *node =
        param_node_make(loader->arena, PARAM_NODE_SCALAR, set->source, set->where);
    node->text = arena_text(loader->arena, text, length);
    node->length = (uint32_t)length;
    node->plain = true;
    return node;
}

static void param_set_one(struct param_loader *loader, struct param_node *root, const char *text,
                          size_t number)
{
    struct arena *arena = loader->arena;
    struct param_source *source = arena_alloc(arena, 1, sizeof *source);
    *source = (struct param_source){.name = arena_print(arena, "--set#%zu", number),
                                    .order = PARAM_SET_ORDER + (uint32_t)number,
                                    .layer = PARAM_LAYER_SET + (uint32_t)number};
    struct param_set set = {.loader = loader, .source = source};
    set.where = (struct diag_where){.file = source->name, .order = source->order};
    const char *equals = strchr(text, '='), *shown = param_show(arena, text);
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    set.path = param_show(arena, arena_text(arena, text, length));
    set.count = param_path_split(arena, text, length, set.steps);
    if (!equals) {
        diag_add(loader->diag, set.where, NULL, "%s is not KEY=VALUE", shown);
    } else if (json_utf8_prefix(text, strlen(text)) < strlen(text)) {
        diag_add(loader->diag, set.where, NULL, "the text is not UTF-8");
    } else if (set.count < 0) {
        diag_add(loader->diag, set.where, NULL, "%s is not a key path such as a.b[2].c", set.path);
    } else if (strcmp(set.steps[0].key, "base") == 0) {
        diag_add(loader->diag, set.where, "base", "cannot be set here, only in the file");
    } else {
        struct param_node *value = param_set_value(&set, equals + 1);
        if (value) param_set_apply(&set, root, value);
    }
}

/* ---- the document -------------------------------------------------------------------------- */

static struct param_doc *param_load_finish(struct param_loader *loader, struct param_node *root,
                                           const char *const *sets, size_t set_count)
{
    for (size_t i = 0; root && i < set_count; i++)
        if (sets[i] != NULL) param_set_one(loader, root, sets[i], i + 1);
    if (!root) return NULL;
    struct param_doc *doc = arena_alloc(loader->arena, 1, sizeof *doc);
    *doc = (struct param_doc){.arena = loader->arena, .root = root, .partial = loader->partial};
    return doc;
}

struct param_doc *param_load(struct arena *arena, const char *path, const char *const *sets,
                             size_t set_count, struct diag *diag)
{
    struct param_loader loader = {.arena = arena, .diag = diag};
    struct param_chain chain = {.depth = 0};
    struct diag_where where = {.file = path};
    struct param_node *root = param_load_file(&loader, &chain, path, where, NULL);
    return param_load_finish(&loader, root, sets, set_count);
}

struct param_doc *param_load_text(struct arena *arena, const char *name, const char *text,
                                  size_t length, const char *const *sets, size_t set_count,
                                  struct diag *diag)
{
    struct param_loader loader = {.arena = arena, .diag = diag};
    struct param_chain chain = {.depth = 0};
    struct param_node *root = param_load_source(&loader, &chain, name, text, length);
    return param_load_finish(&loader, root, sets, set_count);
}

void param_close(struct param_doc *doc)
{
    if (doc)
        doc->root = NULL; /* all memory is the arena's; what is used after this shows at once */
}

/* store_world.h - random rows, stores made of them, and what comes out of a store, as sorted lines.
 *
 * The lines are written from external ids only, so two stores that say the same give the same lines
 * whatever their dense numbers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RS_TEST_STORE_WORLD_H
#define RS_TEST_STORE_WORLD_H

#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka needs the headers above. */
#include <setjmp.h>

#include <cmocka.h>

#include "store/batch.h"

typedef struct world_row {
    unsigned relation; /* of world_relations, or WORLD_NODE, WORLD_VALUE */
    char src[24];      /* the node of a node row or a value row */
    char dst[24];      /* the text of a value row */
    size_t src_length;
    size_t dst_length;
    int64_t time;
    int64_t amount;
    uint32_t precision_s;
    char key[12];
    uint64_t line;
} world_row;

enum { WORLD_RELATIONS = 4, WORLD_NODE = 100, WORLD_VALUE = 101, WORLD_ATTRIBUTES = 2 };

static const struct {
    const char *name, *src, *dst, *currency;
    rs_kind kind;
} world_relations[WORLD_RELATIONS] = {
    {"pays", "account", "account", "EUR", RS_KIND_PAYMENT},
    {"pays", "account", "account", "USD", RS_KIND_PAYMENT},
    {"uses", "account", "device", "", RS_KIND_SHARED},
    {"lives \"at\"\n", "account", "address", "", RS_KIND_SHARED},
};

/* xorshift64*: the same rows on every machine. */
static inline uint64_t world_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dULL;
}

static inline void world_id(char *id, size_t *length, uint64_t number)
{
    *length = (size_t)snprintf(id, 24, number % 5 == 0 ? "acc_%06" PRIu64 : "%" PRIu64, number);
    if (number % 7 == 0) {
        id[*length / 2] = '\0'; /* ids may hold any bytes */
    }
    if (number == 3) {
        *length = 0;
    }
}

static inline void world_fill(world_row *rows, size_t count, uint64_t seed, uint64_t ids)
{
    static const uint32_t precisions[] = {1, 1, 3600, 86400};
    uint64_t state = seed * 2 + 1;
    for (size_t i = 0; i < count; i++) {
        world_row *row = &rows[i];
        uint64_t dice = world_random(&state) >> 8;
        memset(row, 0, sizeof *row);
        row->relation = (unsigned)(dice % WORLD_RELATIONS);
        row->relation = dice % 37 == 0 ? WORLD_NODE : row->relation;
        row->relation = dice % 41 == 0 ? WORLD_VALUE : row->relation;
        uint64_t src = world_random(&state) >> 16;
        world_id(row->src, &row->src_length, src % (dice % 3 == 0 ? 4 : ids));
        world_id(row->dst, &row->dst_length, (world_random(&state) >> 16) % ids);
        bool timed = row->relation < 2 ? dice % 11 != 0 : dice % 3 == 0;
        row->time = timed ? (int64_t)(world_random(&state) % 100000) - 50000 : RS_NO_TIME;
        row->time = dice % 97 == 0 ? INT64_MAX - (int64_t)(dice % 3) : row->time;
        row->precision_s = timed ? precisions[(dice >> 20) % 4] : 1;
        row->precision_s = row->time == RS_NO_TIME ? 1 : row->precision_s;
        row->amount =
            row->relation < 2 ? (int64_t)(world_random(&state) % 5000) - 100 : RS_NO_AMOUNT;
        row->amount = dice % 101 == 0 ? INT64_MIN + 1 : row->amount;
        row->line = i + 2;
    }
}

static inline void world_shuffle(world_row *rows, size_t count, uint64_t seed)
{
    uint64_t state = seed * 2 + 1;
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)(world_random(&state) % i);
        world_row row = rows[i - 1];
        rows[i - 1] = rows[other];
        rows[other] = row;
    }
}

/* ---- stores ------------------------------------------------------------------------------- */

static inline void world_remove(const char *path)
{
    DIR *listing = opendir(path);
    char name[1024];
    for (struct dirent *e = listing == NULL ? NULL : readdir(listing); e != NULL;
         e = readdir(listing)) {
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        unlink(name);
    }
    if (listing != NULL) {
        closedir(listing);
    }
    rmdir(path);
}

/* A path that does not exist, in a directory of the test's own. */
static inline void world_path(char path[256], const char *name)
{
    const char *base = getenv("TMPDIR");
    snprintf(path, 256, "%s/rs-%ld-%s", base == NULL ? "/tmp" : base, (long)getpid(), name);
    world_remove(path);
}

typedef struct world_options {
    unsigned threads;
    size_t block_rows;
    size_t blocks_per_append;
    const char *batch;
    bool keep_rows;
    bool runs;       /* what each append brings goes to disk at once, to be merged by the commit */
    bool late_names; /* names are registered in the order in which rows need them */
} world_options;
#define WORLD_DEFAULTS                                                                             \
    {                                                                                              \
        .threads = 1, .block_rows = 97, .blocks_per_append = 3                                     \
    }

enum { WORLD_FILES = 3, WORLD_BUDGET = 1 << 30 };

typedef struct world_names {
    uint32_t types[3];
    uint32_t relations[WORLD_RELATIONS];
    uint32_t attributes[WORLD_ATTRIBUTES];
    uint32_t file;
    uint32_t files[WORLD_FILES]; /* of late names: one a row, by its line */
    bool late;
} world_names;

static inline rs_text world_text(const char *text)
{
    return (rs_text){.bytes = text, .length = strlen(text)};
}

static inline rs_status world_register(rsi_batch *batch, world_names *names, rs_error *err)
{
    static const char *const types[] = {"account", "device", "address"};
    static const char *const attributes[] = {"age", "os"};
    rs_status status = RS_OK;
    for (int i = 0; status == RS_OK && i < 3; i++) {
        status = rsi_batch_type(batch, world_text(types[i]), &names->types[i], err);
    }
    for (int i = 0; status == RS_OK && i < WORLD_RELATIONS; i++) {
        uint32_t dst = 0;
        status = rsi_batch_type(batch, world_text(world_relations[i].dst), &dst, err);
        rsi_relation_spec spec = {.name = world_text(world_relations[i].name),
                                  .currency = world_text(world_relations[i].currency),
                                  .kind = world_relations[i].kind,
                                  .place = i == 3,
                                  .src_type = names->types[0],
                                  .dst_type = dst,
                                  .decimals = 2};
        if (status == RS_OK) {
            status = rsi_batch_relation(batch, &spec, &names->relations[i], err);
        }
    }
    for (int i = 0; status == RS_OK && i < WORLD_ATTRIBUTES; i++) {
        status = rsi_batch_attribute(batch, names->types[0], world_text(attributes[i]),
                                     &names->attributes[i], err);
    }
    if (status == RS_OK) {
        status = rsi_batch_subject(batch, names->types[0], err);
    }
    return status == RS_OK ? rsi_batch_file(batch, "in \"put\".csv", &names->file, err) : status;
}

static inline rs_status world_put(rsi_block *block, const world_names *names, const world_row *row,
                                  rs_error *err)
{
    rs_text src = {row->src, row->src_length};
    rs_text dst = {row->dst, row->dst_length};
    if (row->relation == WORLD_NODE) {
        return rsi_block_node(block, names->types[2], src, err);
    }
    if (row->relation == WORLD_VALUE) {
        rsi_value_row value = {.attribute = names->attributes[row->line % WORLD_ATTRIBUTES],
                               .node = src,
                               .value = dst,
                               .time = row->time};
        return rsi_block_value(block, &value, err);
    }
    rsi_edge_row edge = {.relation = names->relations[row->relation],
                         .src = src,
                         .dst = dst,
                         .time = row->time,
                         .precision_s = row->precision_s,
                         .amount = row->amount,
                         .file = names->late ? names->files[row->line % WORLD_FILES] : names->file,
                         .line = row->line,
                         .key = {row->key, strlen(row->key)}};
    return rsi_block_edge(block, &edge, err);
}

/* The names that one row needs. */
static inline rs_status world_register_for(rsi_batch *batch, world_names *names,
                                           const world_row *row, rs_error *err)
{
    static const char *const attributes[WORLD_ATTRIBUTES] = {"age", "os"};
    static const char *const files[WORLD_FILES] = {"in/b.csv", "in/c.csv", "in/a.csv"};
    uint32_t file = (uint32_t)(row->line % WORLD_FILES);
    uint32_t dst = 0;
    rs_status status = rsi_batch_file(batch, files[file], &names->files[file], err);
    if (status == RS_OK && row->relation == WORLD_NODE) {
        return rsi_batch_type(batch, world_text("address"), &names->types[2], err);
    }
    status = status == RS_OK ? rsi_batch_type(batch, world_text("account"), &names->types[0], err)
                             : status;
    status = status == RS_OK ? rsi_batch_subject(batch, names->types[0], err) : status;
    if (status != RS_OK || row->relation == WORLD_VALUE) {
        size_t a = row->line % WORLD_ATTRIBUTES;
        return status != RS_OK
                   ? status
                   : rsi_batch_attribute(batch, names->types[0], world_text(attributes[a]),
                                         &names->attributes[a], err);
    }
    status = rsi_batch_type(batch, world_text(world_relations[row->relation].dst), &dst, err);
    rsi_relation_spec spec = {.name = world_text(world_relations[row->relation].name),
                              .currency = world_text(world_relations[row->relation].currency),
                              .kind = world_relations[row->relation].kind,
                              .place = row->relation == 3,
                              .src_type = names->types[0],
                              .dst_type = dst,
                              .decimals = 2};
    return status != RS_OK
               ? status
               : rsi_batch_relation(batch, &spec, &names->relations[row->relation], err);
}

enum { WORLD_BLOCKS = 8 };

static inline rs_status world_append(rsi_batch *batch, world_names *names, rsi_block **blocks,
                                     const world_row *rows, size_t count,
                                     const world_options *options, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t at = 0; status == RS_OK && at < count;) {
        size_t used = 0;
        for (; status == RS_OK && used < options->blocks_per_append && at < count; used++) {
            rsi_block_reset(blocks[used]);
            for (size_t i = 0; status == RS_OK && i < options->block_rows && at < count; i++) {
                if (options->late_names) {
                    status = world_register_for(batch, names, &rows[at], err);
                }
                if (status != RS_OK) {
                    break;
                }
                status = world_put(blocks[used], names, &rows[at++], err);
            }
        }
        for (size_t i = 0; status == RS_OK && i < used; i++) {
            status = rsi_batch_append(batch, blocks[i], err);
        }
        status = status == RS_OK ? rsi_batch_relieve(batch, err) : status;
    }
    return status;
}

/* All of it: open, fill, commit, close. */
static inline rs_status world_ingest(const char *path, const world_row *rows, size_t count,
                                     const world_options *options, rsi_commit *commit,
                                     rs_error *err)
{
    rsi_batch *batch = NULL;
    rsi_block *blocks[WORLD_BLOCKS] = {NULL};
    world_names names = {0};
    rs_work work = {.threads = options->threads, .memory_bytes = options->runs ? WORLD_BUDGET : 0};
    rs_status status = rsi_batch_open(&batch, path, options->keep_rows, &work, err);
    names.late = options->late_names;
    if (status == RS_OK && options->runs) {
        rsi_batch_reserve(batch, WORLD_BUDGET); /* nothing is left for the batch */
    }
    if (status == RS_OK && !options->late_names) {
        status = world_register(batch, &names, err);
    }
    for (size_t i = 0; status == RS_OK && i < options->blocks_per_append; i++) {
        status = rsi_block_new(&blocks[i], batch, err);
    }
    if (status == RS_OK) {
        status = world_append(batch, &names, blocks, rows, count, options, err);
    }
    if (status == RS_OK) {
        status = rsi_batch_commit(batch, options->batch, count, commit, err);
    }
    for (size_t i = 0; i < options->blocks_per_append; i++) {
        rsi_block_free(blocks[i]);
    }
    rsi_batch_close(batch);
    return status;
}

/* ---- lines -------------------------------------------------------------------------------- */

typedef struct world_lines {
    char **lines;
    size_t count;
    size_t capacity;
} world_lines;

static inline void world_escape(char *to, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        to += snprintf(to, 3, "%02x", (unsigned char)bytes[i]);
    }
    *to = '\0';
}

static inline RS_PRINTF(2, 3) void world_add(world_lines *list, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 64;
        list->lines = realloc(list->lines, list->capacity * sizeof *list->lines);
        assert_non_null(list->lines);
    }
    list->lines[list->count++] = strdup(line);
}

static inline int world_compare(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

static inline void world_sort(world_lines *list)
{
    if (list->count > 0) {
        qsort(list->lines, list->count, sizeof *list->lines, world_compare);
    }
}

static inline void world_free(world_lines *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->lines[i]);
    }
    free(list->lines);
    *list = (world_lines){0};
}

static inline void world_assert_equal(const world_lines *a, const world_lines *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        assert_string_equal(a->lines[i], b->lines[i]);
    }
    assert_int_equal(a->count, b->count);
}

static inline void world_add_edge(world_lines *list, const char *relation, const char *currency,
                                  rs_text src, rs_text dst, int64_t time, uint32_t precision_s,
                                  int64_t amount)
{
    char from[64];
    char to[64];
    world_escape(from, src.bytes, src.length);
    world_escape(to, dst.bytes, dst.length);
    world_add(list, "%s %s %s %s %" PRId64 " %u %" PRId64, relation, currency, from, to, time,
              precision_s, amount);
}

/* What the rows say, without a store. Values: the latest, then the greatest. */
static inline void world_expect(world_lines *list, const world_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const world_row *row = &rows[i];
        if (row->relation < WORLD_RELATIONS) {
            world_add_edge(
                list, world_relations[row->relation].name, world_relations[row->relation].currency,
                (rs_text){row->src, row->src_length}, (rs_text){row->dst, row->dst_length},
                row->time, row->precision_s, row->amount);
        }
    }
    world_sort(list);
}

typedef struct world_ids {
    rs_text *ids;
    uint32_t count;
} world_ids;

static inline rs_status world_read_ids(const rs_store *store, size_t type, world_ids *ids,
                                       rs_error *err)
{
    rs_names *names = NULL;
    uint32_t node = 0;
    rs_text id = {0};
    ids->count = rs_store_type(store, type).node_count;
    ids->ids = calloc((size_t)ids->count + 1, sizeof *ids->ids);
    rs_status status = rs_names_open(&names, store, type, err);
    while (status == RS_OK && (status = rs_names_next(names, &node, &id, err)) == RS_OK &&
           node != RS_NO_NODE) {
        assert_true(node < ids->count);
        assert_null(ids->ids[node].bytes);
        char *copy = malloc(id.length + 1);
        memcpy(copy, id.bytes, id.length);
        ids->ids[node] = (rs_text){copy, id.length};
    }
    rs_names_close(names);
    return status;
}

static inline rs_status world_dump_relation(const rs_store *store, size_t relation,
                                            const world_ids *ids, world_lines *list, rs_error *err)
{
    rs_scan *scan = NULL;
    rs_edges run = {0};
    rs_relation_info info = rs_store_relation(store, relation);
    rs_status status = rs_scan_open(&scan, store, relation, RS_SCAN_TIME | RS_SCAN_AMOUNT, err);
    while (status == RS_OK && (status = rs_scan_next(scan, &run, err)) == RS_OK && run.count > 0) {
        for (size_t i = 0; i < run.count; i++) {
            assert_true(run.src[i] < ids[info.src_type].count);
            assert_true(run.dst[i] < ids[info.dst_type].count);
            world_add_edge(list, info.name, info.currency, ids[info.src_type].ids[run.src[i]],
                           ids[info.dst_type].ids[run.dst[i]],
                           run.time == NULL ? RS_NO_TIME : run.time[i],
                           run.precision_s == NULL ? 1 : run.precision_s[i],
                           run.amount == NULL ? RS_NO_AMOUNT : run.amount[i]);
        }
    }
    rs_scan_close(scan);
    return status;
}

/* All edges of a store as sorted lines; with `values`, ids and attributes as well. */
static inline rs_status world_dump(const char *path, bool values, world_lines *list, rs_error *err)
{
    rs_store *store = NULL;
    world_ids ids[16] = {{0}};
    rs_status status = rs_store_open(&store, path, err);
    if (status != RS_OK) {
        return status;
    }
    for (size_t t = 0; status == RS_OK && t < rs_store_type_count(store); t++) {
        status = world_read_ids(store, t, &ids[t], err);
        for (uint32_t i = 0; status == RS_OK && values && i < ids[t].count; i++) {
            char id[64];
            world_escape(id, ids[t].ids[i].bytes, ids[t].ids[i].length);
            world_add(list, "node %s %s", rs_store_type(store, t).name, id);
        }
    }
    for (size_t r = 0; status == RS_OK && r < rs_store_relation_count(store); r++) {
        status = world_dump_relation(store, r, ids, list, err);
    }
    for (size_t a = 0; status == RS_OK && values && a < rs_store_attribute_count(store); a++) {
        rs_values *reader = NULL;
        uint32_t node = 0;
        rs_text text = {0};
        rs_attribute_info info = rs_store_attribute(store, a);
        status = rs_values_open(&reader, store, a, err);
        while (status == RS_OK && (status = rs_values_next(reader, &node, &text, err)) == RS_OK &&
               node != RS_NO_NODE) {
            char id[64];
            char value[64];
            world_escape(id, ids[info.type].ids[node].bytes, ids[info.type].ids[node].length);
            world_escape(value, text.bytes, text.length);
            world_add(list, "value %s %d %s %s", info.name, (int)info.kind, id, value);
        }
        rs_values_close(reader);
    }
    for (size_t t = 0; t < 16; t++) {
        for (uint32_t i = 0; ids[t].ids != NULL && i < ids[t].count; i++) {
            free((void *)(uintptr_t)ids[t].ids[i].bytes);
        }
        free(ids[t].ids);
    }
    rs_store_close(store);
    world_sort(list);
    return status;
}

#endif

/* small_store.h - a real store and its graph from a handful of rows, for tests of what comes after.
 *
 * Weights depend on the number of subjects: accounts that no row names fill up to it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RS_TEST_SMALL_STORE_H
#define RS_TEST_SMALL_STORE_H

#include <dirent.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs the headers above. */
#include <setjmp.h>

#include <cmocka.h>

#include "base/random.h"
#include "ringscope/evidence.h"
#include "ringscope/graph.h"
#include "store/batch.h"

typedef enum small_relation {
    USES_DEVICE,
    HAS_CARD,
    IS_AT,
    HAS_DOCUMENT,
    HAS_VOICE,
    PAYS,
    SMALL_RELATIONS
} small_relation;

static const struct {
    const char *name, *dst;
    rs_kind kind;
    bool place;
} small_relations[SMALL_RELATIONS] = {
    {"uses_device", "device", RS_KIND_SHARED, false},
    {"has_card", "card", RS_KIND_SHARED, false},
    {"is_at", "address", RS_KIND_SHARED, true},
    {"has_document", "document", RS_KIND_IDENTITY, false},
    {"has_voice", "voice", RS_KIND_IDENTITY, false},
    {"pays", "account", RS_KIND_PAYMENT, false},
};

typedef struct small_row {
    small_relation relation;
    char src[12];
    char dst[12];
    int64_t time;
    bool timed;
    uint32_t precision_s; /* 0: 1 */
    int64_t amount;       /* 0: none, unless it says so */
    bool zero;            /* an amount of 0 */
} small_row;

enum { SMALL_ROWS_MAX = 4000 };

/* Rows as a test writes them one by one. */
typedef struct small_rows {
    size_t count;
    small_row rows[SMALL_ROWS_MAX];
} small_rows;

typedef struct small_store {
    char path[256];
    rs_store *store;
    rs_graph *graph;
} small_store;

static inline void small_ok(rs_status status, const rs_error *err)
{
    if (status != RS_OK) {
        fail_msg("%s", err->message);
    }
}

static inline small_row *small_add(small_rows *rows, small_relation relation, const char *src,
                                   const char *dst)
{
    assert_true(rows->count < SMALL_ROWS_MAX);
    small_row *row = &rows->rows[rows->count++];
    *row = (small_row){.relation = relation};
    snprintf(row->src, sizeof row->src, "%s", src);
    snprintf(row->dst, sizeof row->dst, "%s", dst);
    return row;
}

static inline small_row *small_add_at(small_rows *rows, small_relation relation, const char *src,
                                      const char *dst, int64_t time)
{
    small_row *row = small_add(rows, relation, src, dst);
    row->time = time;
    row->timed = true;
    return row;
}

/* The accounts of that letter and the numbers 0 .. count-1 use `thing`. */
static inline void small_share(small_rows *rows, small_relation relation, char letter, int count,
                               const char *thing)
{
    for (int i = 0; i < count; i++) {
        char id[12];
        snprintf(id, sizeof id, "%c%d", letter, i);
        small_add(rows, relation, id, thing);
    }
}

static inline rs_text small_text(const char *text)
{
    return (rs_text){.bytes = text, .length = strlen(text)};
}

static inline void small_remove(const char *path)
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

static inline void small_fill(rsi_batch *batch, rsi_block *block, const small_rows *rows,
                              uint32_t others)
{
    rs_error err = {0};
    char(*ids)[12] = calloc(others + 1, sizeof *ids); /* lent until they are appended */
    uint32_t relation[SMALL_RELATIONS];
    uint32_t account = 0;
    small_ok(rsi_batch_type(batch, small_text("account"), &account, &err), &err);
    small_ok(rsi_batch_subject(batch, account, &err), &err);
    for (int i = 0; i < SMALL_RELATIONS; i++) {
        rsi_relation_spec spec = {.name = small_text(small_relations[i].name),
                                  .currency = small_text(i == PAYS ? "EUR" : ""),
                                  .kind = small_relations[i].kind,
                                  .place = small_relations[i].place,
                                  .src_type = account,
                                  .decimals = 2};
        small_ok(rsi_batch_type(batch, small_text(small_relations[i].dst), &spec.dst_type, &err),
                 &err);
        small_ok(rsi_batch_relation(batch, &spec, &relation[i], &err), &err);
    }
    for (size_t i = 0; i < rows->count; i++) {
        const small_row *row = &rows->rows[i];
        rsi_edge_row edge = {.relation = relation[row->relation],
                             .src = small_text(row->src),
                             .dst = small_text(row->dst),
                             .time = row->timed ? row->time : RS_NO_TIME,
                             .precision_s = row->precision_s > 0 ? row->precision_s : 1,
                             .amount = row->amount != 0 || row->zero ? row->amount : RS_NO_AMOUNT};
        small_ok(rsi_block_edge(block, &edge, &err), &err);
    }
    for (uint32_t i = 0; i < others; i++) {
        snprintf(ids[i], sizeof ids[i], "n%u", i);
        small_ok(rsi_block_node(block, account, small_text(ids[i]), &err), &err);
    }
    small_ok(rsi_batch_append(batch, block, &err), &err);
    free(ids);
}

/* The accounts of the rows and `others` more: n0, n1, ... */
static inline void small_open(small_store *out, const small_rows *rows, uint32_t others)
{
    static unsigned number;
    rs_error err = {0};
    rsi_batch *batch = NULL;
    rsi_block *block = NULL;
    rsi_commit commit;
    rs_graph_options options = RS_GRAPH_DEFAULTS;
    const char *base = getenv("TMPDIR");
    snprintf(out->path, sizeof out->path, "%s/rs-small-%ld-%u", base == NULL ? "/tmp" : base,
             (long)getpid(), number++);
    small_remove(out->path);
    small_ok(rsi_batch_open(&batch, out->path, false, NULL, &err), &err);
    small_ok(rsi_block_new(&block, batch, &err), &err);
    small_fill(batch, block, rows, others);
    small_ok(rsi_batch_commit(batch, "one", rows->count, &commit, &err), &err);
    rsi_block_free(block);
    rsi_batch_close(batch);
    small_ok(rs_store_open(&out->store, out->path, &err), &err);
    small_ok(rs_graph_open(&out->graph, out->store, &options, NULL, &err), &err);
}

static inline void small_close(small_store *small)
{
    rs_graph_close(small->graph);
    rs_store_close(small->store);
    small_remove(small->path);
}

static inline uint32_t small_node(const small_store *small, const char *type, const char *id)
{
    rs_error err = {0};
    uint32_t node = RS_NO_NODE;
    small_ok(rs_graph_find(small->graph, type, small_text(id), &node, &err), &err);
    if (node == RS_NO_NODE) {
        fail_msg("no %s \"%s\"", type, id);
    }
    return node;
}

static inline uint32_t small_account(const small_store *small, const char *id)
{
    return small_node(small, "account", id);
}

/* The number that the store has for a relation; SIZE_MAX where it has none. */
static inline size_t small_relation_of(const small_store *small, small_relation relation)
{
    for (size_t r = 0; r < rs_store_relation_count(small->store); r++) {
        if (strcmp(rs_store_relation(small->store, r).name, small_relations[relation].name) == 0) {
            return r;
        }
    }
    return SIZE_MAX;
}

/* A random world: `accounts` accounts, things that few or many share, meetings at places, documents
 * of several accounts, payments. */
static inline void small_random(small_rows *rows, rsi_random *random, size_t count,
                                uint32_t accounts)
{
    rows->count = 0;
    for (size_t i = 0; i < count; i++) {
        char src[12];
        char dst[12];
        small_relation relation = (small_relation)rsi_random_below(random, SMALL_RELATIONS);
        bool identity = relation == HAS_DOCUMENT || relation == HAS_VOICE;
        uint32_t things = rsi_random_chance(random, 300) ? 3 : identity ? 400 : accounts / 2 + 1;
        snprintf(src, sizeof src, "a%u", rsi_random_below(random, accounts));
        snprintf(dst, sizeof dst, "%c%u", relation == PAYS ? 'a' : 't',
                 rsi_random_below(random, relation == PAYS ? accounts : things));
        int64_t time = (int64_t)rsi_random_below(random, 600000) - 200000;
        if (relation == IS_AT && rsi_random_chance(random, 700)) { /* two who meet, day by day */
            uint32_t who = rsi_random_below(random, accounts < 20 ? accounts : 20);
            snprintf(src, sizeof src, "a%u", who);
            snprintf(dst, sizeof dst, "t%u", 100 + who / 2);
            time = (int64_t)rsi_random_below(random, 4) * 86400 + rsi_random_below(random, 2000);
        }
        small_row *row = small_add(rows, relation, src, dst);
        row->timed = rsi_random_chance(random, 900);
        row->time = time;
        row->precision_s = row->timed && rsi_random_chance(random, 200) ? 3600 : 1;
        row->amount = relation == PAYS ? rsi_random_between(random, 1, 10000) : 0;
    }
}

/* What a test of failed calls repeats: a search that finds something. */
static inline rs_status small_find_links(void *context, rs_error *err)
{
    const small_store *small = context;
    const rs_evidence_options options = RS_EVIDENCE_DEFAULTS;
    rs_evidence evidence;
    rs_status status = rs_evidence_find(small->graph, &options, NULL, &evidence, err);
    if (status == RS_OK) {
        assert_true(evidence.link_count > 0);
        rs_evidence_free(&evidence);
    }
    return status;
}

#endif

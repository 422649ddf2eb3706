/* fake_store.h - a store in memory, made from a list of events as ingest would make one: batches of
 * rows in any order, dense numbers by first appearance, a sorted segment for each batch and
 * relation.
 *
 * A test that includes this names the functions below in its WRAP line; the real store is then
 * never called. What the fake lends can be made wrong on purpose (struct fake_damage).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "ringscope/graph.h"
#include "ringscope/store.h"

enum { FAKE_TYPES_MAX = 6, FAKE_RELATIONS_MAX = 6, FAKE_ID_MAX = 12 };

typedef struct fake_id {
    size_t length;
    char bytes[FAKE_ID_MAX];
} fake_id;

typedef struct fake_event {
    size_t relation;
    fake_id src;
    fake_id dst;
    int64_t time;
    int64_t amount;
    uint32_t precision_s;
} fake_event;

/* What is true of the store, however it was sent in. Types stand in byte order of their names. */
typedef struct fake_world {
    size_t type_count;
    rs_type_info types[FAKE_TYPES_MAX]; /* node_count is ignored */
    size_t relation_count;
    rs_relation_info relations[FAKE_RELATIONS_MAX]; /* name, kind, types */
    size_t event_count;
    fake_event *events;
} fake_world;

typedef struct fake_edge {
    uint32_t batch;
    uint32_t src;
    uint32_t dst;
    int64_t time;
    int64_t amount;
    uint32_t precision_s;
} fake_edge;

/* 0 is sound. */
typedef struct fake_damage {
    bool id_lost;    /* the dictionary ends one early */
    bool id_twice;   /* its last entry repeats a node */
    bool id_beyond;  /* its last entry is a node that cannot be */
    bool src_beyond; /* the last edge of relation 0 */
    bool dst_beyond;
    bool more_each_time; /* the second scan of relation 0 gives its edges twice, and so on */
} fake_damage;

struct rs_store {
    const fake_world *world;
    uint32_t node_count[FAKE_TYPES_MAX];
    fake_id *ids[FAKE_TYPES_MAX];
    size_t edge_count[FAKE_RELATIONS_MAX];
    fake_edge *edges[FAKE_RELATIONS_MAX];
    size_t run_max; /* edges in a run, at most */
    fake_damage damage;
    size_t scan_count;
};

/* ---- making one
 * ---------------------------------------------------------------------------------- */

static inline uint32_t fake_number(rs_store *store, size_t type, const fake_id *id)
{
    uint32_t count = store->node_count[type];
    for (uint32_t i = 0; i < count; i++) {
        if (store->ids[type][i].length == id->length &&
            memcmp(store->ids[type][i].bytes, id->bytes, id->length) == 0) {
            return i;
        }
    }
    store->ids[type][count] = *id;
    return store->node_count[type]++;
}

static inline int fake_compare(const void *left, const void *right)
{
    const fake_edge *a = left;
    const fake_edge *b = right;
    const int64_t keys[][2] = {{a->batch, b->batch},   {a->src, b->src},
                               {a->dst, b->dst},       {a->time, b->time},
                               {a->amount, b->amount}, {a->precision_s, b->precision_s}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

static inline void fake_add(rs_store *store, const fake_event *event, uint32_t batch)
{
    const rs_relation_info *relation = &store->world->relations[event->relation];
    store->edges[event->relation][store->edge_count[event->relation]++] =
        (fake_edge){.batch = batch,
                    .src = fake_number(store, relation->src_type, &event->src),
                    .dst = fake_number(store, relation->dst_type, &event->dst),
                    .time = event->time,
                    .amount = event->amount,
                    .precision_s = event->precision_s};
}

/* Rows in the order that `seed` gives, in `batches` batches. */
static inline rs_store *fake_store_make(const fake_world *world, uint64_t seed, uint32_t batches,
                                        size_t run_max)
{
    rs_store *store = calloc(1, sizeof *store);
    rsi_permutation order;
    store->world = world;
    store->run_max = run_max;
    for (size_t i = 0; i < world->type_count; i++) {
        store->ids[i] = calloc(2 * world->event_count + 1, sizeof *store->ids[i]);
    }
    for (size_t i = 0; i < world->relation_count; i++) {
        store->edges[i] = calloc(world->event_count + 1, sizeof *store->edges[i]);
    }
    rsi_permutation_make(&order, world->event_count, seed);
    for (size_t i = 0; i < world->event_count; i++) {
        fake_add(store, &world->events[rsi_permute(&order, i)],
                 (uint32_t)(i * batches / world->event_count));
    }
    for (size_t i = 0; i < world->relation_count; i++) {
        qsort(store->edges[i], store->edge_count[i], sizeof *store->edges[i], fake_compare);
    }
    return store;
}

static inline void fake_store_free(rs_store *store)
{
    for (size_t i = 0; i < FAKE_TYPES_MAX; i++) {
        free(store->ids[i]);
    }
    for (size_t i = 0; i < FAKE_RELATIONS_MAX; i++) {
        free(store->edges[i]);
    }
    free(store);
}

/* ---- what stands in for the store's functions
 * ------------------------------------------------------ */

size_t __wrap_rs_store_type_count(const rs_store *store);
size_t __wrap_rs_store_relation_count(const rs_store *store);
rs_type_info __wrap_rs_store_type(const rs_store *store, size_t type);
rs_relation_info __wrap_rs_store_relation(const rs_store *store, size_t relation);
size_t __wrap_rs_store_type_named(const rs_store *store, const char *name);
rs_status __wrap_rs_store_find(const rs_store *store, size_t type, rs_text id, uint32_t *node,
                               rs_error *err);
rs_status __wrap_rs_scan_open(rs_scan **out, const rs_store *store, size_t relation,
                              unsigned columns, rs_error *err);
rs_status __wrap_rs_scan_next(rs_scan *scan, rs_edges *run, rs_error *err);
void __wrap_rs_scan_close(rs_scan *scan);
rs_status __wrap_rs_names_open(rs_names **out, const rs_store *store, size_t type, rs_error *err);
rs_status __wrap_rs_names_next(rs_names *names, uint32_t *node, rs_text *id, rs_error *err);
void __wrap_rs_names_close(rs_names *names);

size_t __wrap_rs_store_type_count(const rs_store *store)
{
    return store->world->type_count;
}

size_t __wrap_rs_store_relation_count(const rs_store *store)
{
    return store->world->relation_count;
}

rs_type_info __wrap_rs_store_type(const rs_store *store, size_t type)
{
    rs_type_info info = store->world->types[type];
    if (info.node_count == 0) { /* else a test says it has so many */
        info.node_count = store->node_count[type];
    }
    return info;
}

rs_relation_info __wrap_rs_store_relation(const rs_store *store, size_t relation)
{
    rs_relation_info info = store->world->relations[relation];
    info.edge_count = store->edge_count[relation];
    info.time_min = RS_NO_TIME;
    info.time_max = RS_NO_TIME;
    for (size_t i = 0; i < store->edge_count[relation]; i++) {
        int64_t time = store->edges[relation][i].time;
        if (time == RS_NO_TIME) {
            continue;
        }
        info.time_max = time > info.time_max ? time : info.time_max;
        info.time_min = info.time_min == RS_NO_TIME || time < info.time_min ? time : info.time_min;
    }
    return info;
}

size_t __wrap_rs_store_type_named(const rs_store *store, const char *name)
{
    for (size_t i = 0; i < store->world->type_count; i++) {
        if (strcmp(store->world->types[i].name, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

rs_status __wrap_rs_store_find(const rs_store *store, size_t type, rs_text id, uint32_t *node,
                               rs_error *err)
{
    (void)err;
    *node = RS_NO_NODE;
    for (uint32_t i = 0; i < store->node_count[type]; i++) {
        if (store->ids[type][i].length == id.length &&
            memcmp(store->ids[type][i].bytes, id.bytes, id.length) == 0) {
            *node = i;
        }
    }
    return RS_OK;
}

struct rs_scan {
    const rs_store *store;
    size_t relation;
    unsigned columns;
    size_t next;
    size_t repeats; /* of all edges, still to come */
    uint32_t *src;
    uint32_t *dst;
    int64_t *time;
    int64_t *amount;
    uint32_t *precision_s;
};

rs_status __wrap_rs_scan_open(rs_scan **out, const rs_store *store, size_t relation,
                              unsigned columns, rs_error *err)
{
    rs_scan *scan = calloc(1, sizeof *scan);
    if (scan == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (fake scan)");
    }
    scan->store = store;
    scan->relation = relation;
    scan->columns = columns;
    if (store->damage.more_each_time && relation == 0) {
        scan->repeats = ((rs_store *)(uintptr_t)store)->scan_count++;
    }
    *out = scan;
    return RS_OK;
}

static inline void fake_lose_run(rs_scan *scan)
{
    free(scan->src);
    free(scan->dst);
    free(scan->time);
    free(scan->amount);
    free(scan->precision_s);
    scan->src = NULL;
    scan->dst = NULL;
    scan->time = NULL;
    scan->amount = NULL;
    scan->precision_s = NULL;
}

static inline rs_status fake_make_run(rs_scan *scan, size_t count, rs_error *err)
{
    scan->src = malloc(count * sizeof *scan->src);
    scan->dst = malloc(count * sizeof *scan->dst);
    scan->time = malloc(count * sizeof *scan->time);
    scan->amount = malloc(count * sizeof *scan->amount);
    scan->precision_s = malloc(count * sizeof *scan->precision_s);
    if (scan->src == NULL || scan->dst == NULL || scan->time == NULL || scan->amount == NULL ||
        scan->precision_s == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (fake run)");
    }
    return RS_OK;
}

static inline void fake_fill_run(rs_scan *scan, const fake_edge *edges, size_t count)
{
    const fake_damage *damage = &scan->store->damage;
    for (size_t i = 0; i < count; i++) {
        bool last = scan->relation == 0 && scan->next + i + 1 == scan->store->edge_count[0];
        scan->src[i] = last && damage->src_beyond ? edges[i].src + 1000 : edges[i].src;
        scan->dst[i] = last && damage->dst_beyond ? edges[i].dst + 1000 : edges[i].dst;
        scan->time[i] = edges[i].time;
        scan->amount[i] = edges[i].amount;
        scan->precision_s[i] = edges[i].precision_s;
    }
}

/* Runs are of one batch, are fresh memory each time, and lack the columns that were not asked for
 * or that none of their edges has; where they end depends on the columns. */
rs_status __wrap_rs_scan_next(rs_scan *scan, rs_edges *run, rs_error *err)
{
    const rs_store *store = scan->store;
    const fake_edge *edges = store->edges[scan->relation] + scan->next;
    size_t left = store->edge_count[scan->relation] - scan->next;
    size_t most = store->run_max + scan->columns;
    size_t count = 0;
    bool times = false;
    bool amounts = false;
    bool precisions = false;
    fake_lose_run(scan);
    *run = (rs_edges){0};
    while (count < left && count < most && edges[count].batch == edges[0].batch) {
        times |= edges[count].time != RS_NO_TIME;
        amounts |= edges[count].amount != RS_NO_AMOUNT;
        precisions |= edges[count].precision_s != 1;
        count++;
    }
    if (count == 0) {
        return RS_OK;
    }
    rs_status status = fake_make_run(scan, count, err);
    if (status != RS_OK) {
        return status;
    }
    fake_fill_run(scan, edges, count);
    *run = (rs_edges){.count = count, .src = scan->src, .dst = scan->dst, .batch = edges[0].batch};
    run->time = times && (scan->columns & RS_SCAN_TIME) != 0 ? scan->time : NULL;
    run->amount = amounts && (scan->columns & RS_SCAN_AMOUNT) != 0 ? scan->amount : NULL;
    run->precision_s = run->time != NULL && precisions ? scan->precision_s : NULL;
    scan->next += count;
    if (scan->next == store->edge_count[scan->relation] && scan->repeats > 0) {
        scan->repeats--;
        scan->next = 0;
    }
    return RS_OK;
}

void __wrap_rs_scan_close(rs_scan *scan)
{
    if (scan != NULL) {
        fake_lose_run(scan);
        free(scan);
    }
}

struct rs_names {
    const rs_store *store;
    size_t type;
    uint32_t next;
    char *lent;
};

rs_status __wrap_rs_names_open(rs_names **out, const rs_store *store, size_t type, rs_error *err)
{
    rs_names *names = calloc(1, sizeof *names);
    if (names == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (fake names)");
    }
    names->store = store;
    names->type = type;
    *out = names;
    return RS_OK;
}

/* In an order of its own: the later half first. The id is fresh memory each time. */
rs_status __wrap_rs_names_next(rs_names *names, uint32_t *node, rs_text *id, rs_error *err)
{
    const rs_store *store = names->store;
    const fake_damage *damage = &store->damage;
    uint32_t count = store->node_count[names->type];
    free(names->lent);
    names->lent = NULL;
    bool last = names->next + 1 == count;
    if (names->next == count || (last && damage->id_lost)) {
        *node = RS_NO_NODE;
        return RS_OK;
    }
    uint32_t dense = (names->next++ + count / 2) % count;
    const fake_id *known = &store->ids[names->type][dense];
    names->lent = malloc(known->length);
    if (names->lent == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (fake id)");
    }
    memcpy(names->lent, known->bytes, known->length);
    *id = (rs_text){.bytes = names->lent, .length = known->length};
    *node = last && damage->id_beyond ? count : last && damage->id_twice ? count / 2 : dense;
    return RS_OK;
}

void __wrap_rs_names_close(rs_names *names)
{
    if (names != NULL) {
        free(names->lent);
        free(names);
    }
}

#endif

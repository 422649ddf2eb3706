/* compact_order.c - numbers for nodes by what they share, so that neighbours are close.
 *
 *   subjects  those who share a thing stand side by side: lists of one are joined through things of
 *             two users, then of up to 4, 8, 16, 64, as long as a list stays short. So the order is
 *             that of small circles within larger ones; a thing of more users says nothing
 *   things    in the order of their first user, whose new things are then the next numbers
 * Lists are linked in place and found by union-find, so nothing but the relations, read once a
 * step, is looked at: no graph is in memory. What comes out depends on the snapshot alone.
 *
 * Memory: 16 bytes a subject and 5 a thing while subjects are put in order, then 8 a node of the
 * type that is numbered. Cost: seven readings of the relations between subjects and things.
 * Source: components of a graph without its hubs, as in docs/decisions/0009; label propagation
 * in layers (Boldi et al. 2011) gains a little more for a hundred times the work.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "store/compact.h"

enum { STEPS = 5, LIST_MAX = 4096, DEGREE_MAX = 65 };
static const uint8_t step_users[STEPS] = {2, 4, 8, 16, 64};

/* Subjects of all types in one numbering: first[type] + number. */
typedef struct order_state {
    rsi_compactor *compactor;
    uint64_t *first; /* per type; of subject types */
    uint32_t subject_count;
    uint32_t *parent; /* union-find; a root is the head of its list */
    uint32_t *next;   /* in the list; the last points at itself */
    uint32_t *tail;   /* of a root */
    uint32_t *size;   /* of a root */
    uint8_t **users;  /* per type of things and thing: users, up to DEGREE_MAX */
    uint32_t **seen;  /* per type of things and thing: a user, RS_NO_NODE at first */
    uint32_t *rank;   /* of a subject in the order */
    rsi_segment_coder *coder;
    rsi_buffer bytes;
} order_state;

typedef void (*visit_pair)(order_state *state, uint32_t subject, uint32_t type, uint32_t thing,
                           uint8_t low, uint8_t high);

static rs_status no_memory(rs_error *err)
{
    return rs_fail(err, RS_ENOMEM, "out of memory (order of nodes)");
}

/* ---- reading ------------------------------------------------------------------------------ */

/* One segment between subjects and things: each pair, equal ones that follow one another once. */
static rs_status read_segment(order_state *state, size_t file, bool forward, visit_pair visit,
                              uint8_t low, uint8_t high, rs_error *err)
{
    rs_status status = RS_OK;
    const rs_store *store = state->compactor->store;
    const rsi_relation_entry *relation =
        &store->manifest.relations[store->manifest.files[file].object];
    uint32_t subject_type = forward ? relation->src_type : relation->dst_type;
    uint32_t thing_type = forward ? relation->dst_type : relation->src_type;
    uint32_t last_src = RS_NO_NODE;
    uint32_t last_dst = RS_NO_NODE;
    for (size_t block = 0; block < store->files[file].block_count; block++) {
        rsi_edge_columns edges = {0};
        RS_TRY(rsi_store_edges(store, file, block, 0, state->coder, &state->bytes, &edges, err));
        for (size_t i = 0; i < edges.count; i++) {
            if (edges.src[i] == last_src && edges.dst[i] == last_dst) {
                continue;
            }
            last_src = edges.src[i];
            last_dst = edges.dst[i];
            uint32_t subject = forward ? last_src : last_dst;
            uint32_t thing = forward ? last_dst : last_src;
            visit(state, (uint32_t)(state->first[subject_type] + subject), thing_type, thing, low,
                  high);
        }
        RS_TRY(rs_work_report(state->compactor->work, "putting nodes in order", "blocks", block,
                              store->files[file].block_count, err));
    }
done:
    return status;
}

static rs_status read_pairs(order_state *state, visit_pair visit, uint8_t low, uint8_t high,
                            rs_error *err)
{
    const rsi_manifest *manifest = &state->compactor->store->manifest;
    rs_status status = RS_OK;
    for (size_t file = 0; status == RS_OK && file < manifest->file_count; file++) {
        if (manifest->files[file].ref.kind != RSI_FILE_SEGMENT) {
            continue;
        }
        const rsi_relation_entry *relation = &manifest->relations[manifest->files[file].object];
        bool src = manifest->types[relation->src_type].subject;
        bool dst = manifest->types[relation->dst_type].subject;
        if (src != dst) {
            status = read_segment(state, file, src, visit, low, high, err);
        }
    }
    return status;
}

/* ---- subjects ----------------------------------------------------------------------------- */

static uint32_t root_of(order_state *state, uint32_t subject)
{
    uint32_t *parent = state->parent;
    while (parent[subject] != subject) {
        parent[subject] = parent[parent[subject]];
        subject = parent[subject];
    }
    return subject;
}

/* Hang the shorter list behind the longer one; equal ones in order of their heads. */
static void join(order_state *state, uint32_t a, uint32_t b)
{
    a = root_of(state, a);
    b = root_of(state, b);
    if (a == b || state->size[a] + state->size[b] > LIST_MAX) {
        return;
    }
    bool swap = state->size[a] < state->size[b] || (state->size[a] == state->size[b] && b < a);
    uint32_t head = swap ? b : a;
    uint32_t other = swap ? a : b;
    state->next[state->tail[head]] = other;
    state->tail[head] = state->tail[other];
    state->size[head] += state->size[other];
    state->parent[other] = head;
}

static void count_user(order_state *state, uint32_t subject, uint32_t type, uint32_t thing,
                       uint8_t low, uint8_t high)
{
    (void)subject;
    (void)low;
    (void)high;
    uint8_t *users = &state->users[type][thing];
    *users = (uint8_t)(*users + (*users < DEGREE_MAX));
}

static void join_users(order_state *state, uint32_t subject, uint32_t type, uint32_t thing,
                       uint8_t low, uint8_t high)
{
    uint8_t users = state->users[type][thing];
    if (users <= low || users > high) {
        return;
    }
    uint32_t *seen = &state->seen[type][thing];
    if (*seen == RS_NO_NODE) {
        *seen = subject;
    } else {
        join(state, *seen, subject);
    }
}

static rs_status make_lists(order_state *state, rs_error *err)
{
    const rsi_manifest *manifest = &state->compactor->store->manifest;
    size_t count = (size_t)state->subject_count + 1;
    state->parent = malloc(count * sizeof *state->parent);
    state->next = malloc(count * sizeof *state->next);
    state->tail = malloc(count * sizeof *state->tail);
    state->size = malloc(count * sizeof *state->size);
    if (state->parent == NULL || state->next == NULL || state->tail == NULL ||
        state->size == NULL) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < state->subject_count; i++) {
        state->parent[i] = i;
        state->next[i] = i;
        state->tail[i] = i;
        state->size[i] = 1;
    }
    for (size_t type = 0; type < manifest->visible_types; type++) {
        size_t things = (size_t)manifest->types[type].node_count + 1;
        if (manifest->types[type].subject) {
            continue;
        }
        state->users[type] = calloc(things, 1);
        state->seen[type] = malloc(things * sizeof **state->seen);
        if (state->users[type] == NULL || state->seen[type] == NULL) {
            return no_memory(err);
        }
        memset(state->seen[type], 0xff, things * sizeof **state->seen); /* RS_NO_NODE */
    }
    return RS_OK;
}

/* Ranks of all subjects: list after list, as their first members come. */
static void rank_subjects(order_state *state)
{
    uint32_t *rank = state->size; /* sizes are of no more use */
    uint32_t done = 0;
    for (uint32_t i = 0; i < state->subject_count; i++) {
        rank[i] = RS_NO_NODE;
    }
    for (uint32_t i = 0; i < state->subject_count; i++) {
        if (rank[i] != RS_NO_NODE) {
            continue;
        }
        uint32_t at = root_of(state, i);
        for (;;) {
            rank[at] = done++;
            if (state->next[at] == at) {
                break;
            }
            at = state->next[at];
        }
    }
    state->rank = rank;
    state->size = NULL;
}

/* ---- numbers ------------------------------------------------------------------------------ */

/* Give the kept nodes of a type their numbers, in the order of `keys`, equal ones in their own. */
static rs_status number_type(order_state *state, uint32_t type_number, const uint32_t *keys,
                             uint32_t key_count, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_compactor *compactor = state->compactor;
    rsi_compact_type *type = &compactor->types[type_number];
    uint32_t *start = calloc((size_t)key_count + 2, sizeof *start);
    uint32_t *order = malloc(((size_t)type->node_count + 1) * sizeof *order);
    uint32_t *next = calloc(compactor->group_count + 1, sizeof *next);
    if (start == NULL || order == NULL || next == NULL) {
        status = no_memory(err);
        goto done;
    }
    for (uint32_t node = 0; node < type->node_count; node++) {
        start[(size_t)(keys[node] < key_count ? keys[node] : key_count) + 1]++;
    }
    for (size_t key = 1; key < (size_t)key_count + 2; key++) {
        start[key] += start[key - 1];
    }
    for (uint32_t node = 0; node < type->node_count; node++) {
        order[start[keys[node] < key_count ? keys[node] : key_count]++] = node;
    }
    for (uint32_t i = 0; i < type->node_count; i++) {
        uint16_t group = type->owner[order[i]];
        if (group != RSI_NO_GROUP) {
            type->map[order[i]] = type->first[group] + next[group]++;
        }
    }
    type->permuted = true;
done:
    free(start);
    free(order);
    free(next);
    return status;
}

static void take_first_user(order_state *state, uint32_t subject, uint32_t type, uint32_t thing,
                            uint8_t low, uint8_t high)
{
    (void)low;
    (void)high;
    uint32_t *seen = &state->seen[type][thing];
    *seen = state->rank[subject] < *seen ? state->rank[subject] : *seen;
}

static rs_status number_types(order_state *state, rs_error *err)
{
    rs_status status = RS_OK;
    const rsi_manifest *manifest = &state->compactor->store->manifest;
    for (size_t type = 0; type < manifest->visible_types; type++) {
        if (!manifest->types[type].subject) {
            memset(state->seen[type], 0xff, manifest->types[type].node_count * sizeof(uint32_t));
        }
    }
    RS_TRY(read_pairs(state, take_first_user, 0, 0, err));
    for (uint32_t type = 0; type < manifest->visible_types; type++) {
        const uint32_t *keys =
            manifest->types[type].subject ? state->rank + state->first[type] : state->seen[type];
        RS_TRY(number_type(state, type, keys, state->subject_count, err));
        free(state->seen[type]);
        state->seen[type] = NULL;
    }
done:
    return status;
}

/* ---- all of it ---------------------------------------------------------------------------- */

static rs_status find_subjects(order_state *state, rs_error *err)
{
    const rsi_manifest *manifest = &state->compactor->store->manifest;
    uint64_t count = 0;
    state->first = calloc(manifest->type_count + 1, sizeof *state->first);
    state->users = calloc(manifest->type_count + 1, sizeof *state->users);
    state->seen = calloc(manifest->type_count + 1, sizeof *state->seen);
    if (state->first == NULL || state->users == NULL || state->seen == NULL) {
        return no_memory(err);
    }
    for (size_t type = 0; type < manifest->visible_types; type++) {
        state->first[type] = count;
        count += manifest->types[type].subject ? manifest->types[type].node_count : 0;
    }
    /* More subjects than a word counts keep the order of their ids. */
    state->subject_count = count < RS_NO_NODE ? (uint32_t)count : 0;
    return RS_OK;
}

static void free_state(order_state *state, size_t type_count)
{
    for (size_t type = 0; type < type_count; type++) {
        if (state->users != NULL) {
            free(state->users[type]);
        }
        if (state->seen != NULL) {
            free(state->seen[type]);
        }
    }
    free(state->first);
    free(state->users);
    free(state->seen);
    free(state->parent);
    free(state->next);
    free(state->tail);
    free(state->size);
    free(state->rank);
    rsi_segment_coder_free(state->coder);
    rsi_buffer_free(&state->bytes);
}

rs_status rsi_compact_order(rsi_compactor *compactor, rs_error *err)
{
    rs_status status = RS_OK;
    order_state state = {.compactor = compactor};
    uint8_t low = 1;
    RS_TRY(find_subjects(&state, err));
    if (state.subject_count == 0) {
        goto done;
    }
    RS_TRY(rsi_segment_coder_new(&state.coder, err));
    RS_TRY(make_lists(&state, err));
    RS_TRY(read_pairs(&state, count_user, 0, 0, err));
    for (int i = 0; i < STEPS; i++) {
        RS_TRY(read_pairs(&state, join_users, low, step_users[i], err));
        low = step_users[i];
    }
    rank_subjects(&state);
    free(state.next);
    free(state.tail);
    free(state.parent);
    state.next = NULL;
    state.tail = NULL;
    state.parent = NULL;
    RS_TRY(number_types(&state, err));
done:
    free_state(&state, compactor->store->manifest.type_count);
    return status;
}

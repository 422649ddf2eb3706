/* stats_sharing.c - how much subjects share, and how many of their ties share something too.
 *
 * For each relation between subjects and things: the things with two users and more, and who uses
 * those. For each relation between subjects: its directed pairs (each once, whatever their number
 * of events), and how many of them have a thing in common, by the relation that they use it
 * through. All things count, hubs too: these are counts of what the files say, before any
 * judgement.
 *
 * Cost: O(edges) for the groups, O(pairs x things of a user) for the ties.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/stats_sharing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "cli/cli.h"
#include "ringscope/graph.h"

/* The things that each subject shares, through one relation: user v has
 * things[first[v] .. first[v+1]-1], ascending. */
typedef struct shares {
    bool used; /* whether the relation is one to a thing */
    uint64_t *first;
    uint32_t *things;
    uint64_t thing_count, user_count;
} shares;

typedef struct sharing {
    const rs_store *store;
    const rs_graph *graph;
    const rs_work *work;
    size_t relations;
    shares *by_relation;
    rsi_table *table; /* NULL: JSON */
    FILE *out;
    size_t printed;
} sharing;

/* Whether a relation is between a subject type and a type of things. */
static bool to_thing(const rs_store *store, rs_relation_info info)
{
    return rs_store_type(store, info.src_type).subject !=
           rs_store_type(store, info.dst_type).subject;
}

static bool between_subjects(const rs_store *store, rs_relation_info info)
{
    return rs_store_type(store, info.src_type).subject &&
           rs_store_type(store, info.dst_type).subject;
}

/* Turn groups of users round: things ascend for each user, because groups are taken in order. */
static rs_status turn_round(const rs_groups *groups, uint32_t subjects, shares *out, rs_error *err)
{
    out->first = calloc((size_t)subjects + 2, sizeof *out->first);
    out->things = malloc((groups->use_count + 1) * sizeof *out->things);
    if (out->first == NULL || out->things == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (%" PRIu64 " uses)", groups->use_count);
    }
    /* Shifted by two, so that filling leaves first[v] where user v starts. */
    for (uint64_t i = 0; i < groups->use_count; i++) {
        out->first[(size_t)groups->users[i] + 2]++;
    }
    for (size_t v = 2; v < (size_t)subjects + 2; v++) {
        out->user_count += out->first[v] > 0;
        out->first[v] += out->first[v - 1];
    }
    for (uint32_t g = 0; g < groups->count; g++) {
        for (uint64_t i = groups->first[g]; i < groups->first[g + 1]; i++) {
            out->things[out->first[(size_t)groups->users[i] + 1]++] = g;
        }
    }
    out->thing_count = groups->count;
    out->used = true;
    return RS_OK;
}

static bool have_in_common(const shares *s, uint32_t a, uint32_t b)
{
    uint64_t i = s->first[a];
    uint64_t k = s->first[b];
    while (i < s->first[(size_t)a + 1] && k < s->first[(size_t)b + 1]) {
        if (s->things[i] == s->things[k]) {
            return true;
        }
        if (s->things[i] < s->things[k]) {
            i++;
        } else {
            k++;
        }
    }
    return false;
}

static void print_number(sharing *s, const char *key, uint64_t number)
{
    char text[RSI_FORMAT_MAX];
    if (s->table != NULL) {
        rsi_table_cell(s->table, "%s", rsi_format_count(text, number));
    } else {
        fprintf(s->out, ",\"%s\":%" PRIu64, key, number);
    }
}

static void print_name(sharing *s, const char *key, const char *name)
{
    if (s->table != NULL) {
        rsi_table_cell(s->table, "%s", name);
        return;
    }
    fprintf(s->out, "%s\"%s\":", strcmp(key, "via") == 0 ? "," : s->printed > 0 ? ",{" : "{", key);
    rsi_print_json_text(s->out, rsi_text(name));
    s->printed++;
}

static void end_row(sharing *s)
{
    if (s->table == NULL) {
        fputc('}', s->out);
    }
}

static rs_status find_shares(sharing *s, rs_error *err)
{
    rs_status status = RS_OK;
    rs_groups groups = {0};
    for (size_t r = 0; r < s->relations; r++) {
        rs_relation_info info = rs_store_relation(s->store, r);
        if (!to_thing(s->store, info)) {
            continue;
        }
        RS_TRY(rs_graph_groups(s->graph, r, &groups, s->work, err));
        RS_TRY(turn_round(&groups, rs_graph_subject_count(s->graph), &s->by_relation[r], err));
        print_name(s, "relation", info.name);
        print_number(s, "things", groups.count + groups.single_count);
        print_number(s, "things_of_two_and_more", groups.count);
        print_number(s, "sharing_subjects", s->by_relation[r].user_count);
        end_row(s);
        rs_groups_free(&groups);
        groups = (rs_groups){0};
    }
done:
    rs_groups_free(&groups);
    return status;
}

static rs_status find_ties(sharing *s, rs_error *err)
{
    rs_status status = RS_OK;
    rs_pair *pairs = NULL;
    size_t count = 0;
    for (size_t r = 0; r < s->relations; r++) {
        rs_relation_info info = rs_store_relation(s->store, r);
        if (!between_subjects(s->store, info)) {
            continue;
        }
        RS_TRY(rs_graph_pairs(s->graph, r, &pairs, &count, s->work, err));
        for (size_t via = 0; via < s->relations; via++) {
            uint64_t common = 0;
            for (size_t i = 0; s->by_relation[via].used && i < count; i++) {
                common += have_in_common(&s->by_relation[via], pairs[i].a, pairs[i].b);
            }
            if (s->by_relation[via].used) {
                print_name(s, "relation", info.name);
                print_name(s, "via", rs_store_relation(s->store, via).name);
                print_number(s, "pairs", count);
                print_number(s, "pairs_with_a_thing_in_common", common);
                end_row(s);
            }
        }
        free(pairs);
        pairs = NULL;
    }
done:
    free(pairs);
    return status;
}

/* One table, with a heading of its own; `find` fills its rows. */
static rs_status print_table(sharing *s, const char *align, const char *const *titles,
                             rs_status (*find)(sharing *, rs_error *), rs_error *err)
{
    rs_status status = RS_OK;
    s->table = rsi_table_new(align);
    for (size_t i = 0; i < strlen(align); i++) {
        rsi_table_cell(s->table, "%s", titles[i]);
    }
    RS_TRY(find(s, err));
    fputc('\n', s->out);
    RS_TRY(rsi_table_print(s->table, s->out, 0, err));
done:
    rsi_table_free(s->table);
    s->table = NULL;
    return status;
}

static rs_status print_both(sharing *s, bool json, rs_error *err)
{
    static const char *const shared[] = {"relation", "things", "shared by two and more",
                                         "who share"};
    static const char *const ties[] = {"relation", "via", "pairs", "with a thing in common"};
    rs_status status = RS_OK;
    if (json) {
        fputs(",\"shared\":[", s->out);
        RS_TRY(find_shares(s, err));
        fputs("],\"ties\":[", s->out);
        s->printed = 0;
        RS_TRY(find_ties(s, err));
        fputc(']', s->out);
    } else {
        RS_TRY(print_table(s, "lrrr", shared, find_shares, err));
        RS_TRY(print_table(s, "llrr", ties, find_ties, err));
    }
done:
    return status;
}

rs_status rsi_print_sharing(FILE *out, const rs_store *store, bool json, const rs_work *work,
                            rs_error *err)
{
    rs_status status = RS_OK;
    rs_graph *graph = NULL;
    rs_graph_options defaults = RS_GRAPH_DEFAULTS;
    sharing s = {
        .store = store, .work = work, .relations = rs_store_relation_count(store), .out = out};
    s.by_relation = calloc(s.relations + 1, sizeof *s.by_relation);
    if (s.by_relation == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu relations)", s.relations);
        goto done;
    }
    RS_TRY(rs_graph_open(&graph, store, &defaults, work, err));
    s.graph = graph;
    RS_TRY(print_both(&s, json, err));
done:
    for (size_t r = 0; s.by_relation != NULL && r < s.relations; r++) {
        free(s.by_relation[r].first);
        free(s.by_relation[r].things);
    }
    free(s.by_relation);
    rs_graph_close(graph);
    return status;
}

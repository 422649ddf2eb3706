/* links.c - lists of links and hubs as kinds find them, and all lists in one order.
 *
 * Links are sorted by a counting sort by their smaller end, and there where they lie. Invariant:
 * equal lists give equal arrays, whatever the threads. Cost: O(links (log of a subject's)).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "evidence/kind.h"

#include <stdlib.h>

#include "base/fixed.h"
#include "base/parallel.h"
#include "base/sort_entries.h"
#include "base/try.h"

rs_status rsi_link_add(rsi_link_list *list, const rsi_kind_input *input, rs_link link,
                       rs_error *err)
{
    if (link.weight == 0) {
        return RS_OK;
    }
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : list->room + list->room / 2;
        rs_link *links = realloc(list->links, room * sizeof *links);
        if (links == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu evidence links)", room);
        }
        list->links = links;
        list->room = room;
    }
    if (link.a > link.b) {
        uint32_t larger = link.a;
        link.a = link.b;
        link.b = larger;
    }
    link.kind = input->kind;
    link.relation = input->relation;
    list->links[list->count++] = link;
    return RS_OK;
}

rs_status rsi_link_targets(const rsi_kind_input *input, const rsi_record *hits, size_t count,
                           uint64_t weight, rsi_link_list *out, rs_error *err)
{
    rs_status status = RS_OK;
    for (size_t i = 0; i < count; i++) {
        rs_link link = {.a = (uint32_t)(hits->key >> 32),
                        .b = (uint32_t)hits->key,
                        .thing = (uint32_t)(hits[i].value >> 32),
                        .weight = (uint32_t)(weight / count),
                        .users = 2};
        RS_TRY(rsi_link_add(out, input, link, err));
    }
done:
    return status;
}

rs_status rsi_link_hits(const rsi_kind_input *input, const rsi_record *hits, size_t count,
                        uint64_t weight_max, rsi_link_list *out, rs_error *err)
{
    uint64_t sum = 0;
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t surprise = (uint32_t)hits[i].value;
        sum += surprise;
        most = surprise > most ? surprise : most;
    }
    uint64_t weight =
        ((sum - most) << 20) / (rsi_ln_q32(rs_graph_subject_count(input->graph)) >> 12);
    weight = weight < weight_max ? weight : weight_max;
    return rsi_link_targets(input, hits, count, weight, out, err);
}

rs_status rsi_hub_add(rsi_link_list *list, const rsi_kind_input *input, uint32_t thing,
                      uint32_t user_count, rs_error *err)
{
    if (list->hub_count == list->hub_room) {
        size_t room = list->hub_room == 0 ? 64 : list->hub_room * 2;
        rs_hub *hubs = realloc(list->hubs, room * sizeof *hubs);
        if (hubs == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu hubs)", room);
        }
        list->hubs = hubs;
        list->hub_room = room;
    }
    list->hubs[list->hub_count++] = (rs_hub){
        .thing = thing, .relation = input->relation, .kind = input->kind, .user_count = user_count};
    return RS_OK;
}

void rsi_link_list_free(rsi_link_list *list)
{
    free(list->links);
    free(list->hubs);
    free(list->company);
    *list = (rsi_link_list){0};
}

/* ---- all lists in one array --------------------------------------------------------------------
 */

static uint64_t larger_end(const void *entry)
{
    return ((const rs_link *)entry)->b;
}

/* What the threads share when the lists are joined: each looks at all links and takes those of its
 * share of the subjects. */
typedef struct joining {
    const rsi_link_list *lists;
    size_t list_count;
    uint32_t subjects;
    size_t shares;
    size_t *first; /* [a + 2] counts the links of a, then [a + 1] is where its next one goes */
    rs_link *links;
} joining;

enum { BLOCK = 1 << 14, SHARES_MAX = 4 };

static uint32_t share_start(const joining *j, size_t share)
{
    return (uint32_t)((uint64_t)j->subjects * share / j->shares);
}

static rs_status count_links(void *context, size_t share, unsigned worker, rs_error *err)
{
    const joining *j = context;
    uint32_t from = share_start(j, share);
    uint32_t count = share_start(j, share + 1) - from;
    size_t *counts = j->first + from + 2;
    (void)worker;
    (void)err;
    for (size_t i = 0; i < j->list_count; i++) {
        for (size_t k = 0; k < j->lists[i].count; k++) {
            uint32_t a = j->lists[i].links[k].a - from;
            if (a < count) {
                counts[a]++;
            }
        }
    }
    return RS_OK;
}

static rs_status deal_out(void *context, size_t share, unsigned worker, rs_error *err)
{
    enum { AHEAD = 16, NEAR = 8 };
    const joining *j = context;
    uint32_t from = share_start(j, share);
    uint32_t count = share_start(j, share + 1) - from;
    size_t *next = j->first + from + 1;
    (void)worker;
    (void)err;
    for (size_t i = 0; i < j->list_count; i++) {
        const rsi_link_list *list = &j->lists[i];
        for (size_t k = 0; k < list->count; k++) {
            uint32_t a = list->links[k].a - from;
            if (k + AHEAD < list->count) {
                uint32_t far = list->links[k + AHEAD].a - from;
                uint32_t near = list->links[k + NEAR].a - from;
                if (far < count) {
                    __builtin_prefetch(&next[far], 1);
                }
                if (near < count) {
                    __builtin_prefetch(&j->links[next[near]], 1);
                }
            }
            if (a < count) {
                j->links[next[a]++] = list->links[k];
            }
        }
    }
    return RS_OK;
}

static rs_status sort_block(void *context, size_t index, unsigned worker, rs_error *err)
{
    rs_status status = RS_OK;
    const joining *j = context;
    const rsi_entry_order order = {.size = sizeof *j->links, .key = larger_end};
    (void)worker;
    size_t end = (index + 1) * BLOCK < j->subjects ? (index + 1) * BLOCK : j->subjects;
    for (size_t v = index * BLOCK; v < end; v++) {
        size_t count = j->first[v + 1] - j->first[v];
        RS_TRY(rsi_sort_entries(j->links + j->first[v], count, order, err));
    }
done:
    return status;
}

rs_status rsi_links_join(const rsi_link_list *lists, size_t list_count, uint32_t subjects,
                         const rs_work *work, rs_evidence *out, rs_error *err)
{
    rs_status status = RS_OK;
    unsigned workers = rsi_parallel_workers(work);
    joining j = {.lists = lists,
                 .list_count = list_count,
                 .subjects = subjects,
                 .shares = workers < SHARES_MAX ? workers : SHARES_MAX};
    size_t total = 0;
    for (size_t i = 0; i < list_count; i++) {
        total += lists[i].count;
    }
    j.first = calloc((size_t)j.subjects + 3, sizeof *j.first);
    j.links = out->links = malloc((total + 1) * sizeof *j.links);
    if (j.first == NULL || j.links == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu evidence links)", total);
        goto done;
    }
    RS_TRY(rsi_parallel(work, j.shares, count_links, &j, err));
    for (uint32_t v = 0; v < j.subjects; v++) {
        j.first[v + 2] += j.first[v + 1];
    }
    RS_TRY(rsi_parallel(work, j.shares, deal_out, &j, err));
    out->link_count = total;
    RS_TRY(rsi_parallel(work, ((size_t)j.subjects + BLOCK - 1) / BLOCK, sort_block, &j, err));
done:
    free(j.first);
    return status;
}

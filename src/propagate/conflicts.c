/* conflicts.c - who is listed as bad and as good at once: one account, or two accounts of one
 * person.
 *
 * A whitelisted account is in conflict where it is blacklisted too, or else where another account
 * of its entity (evidence.h: a hard link, one person) is. It is listed once, against itself in the
 * first case, against the first blacklisted account of the entity in the second. So the number of
 * conflicts is at most that of the whitelist, however many accounts a person has.
 *
 * Cost: O(subjects + lists), 4 bytes a subject while it works.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdlib.h>

#include "ringscope/lists.h"

enum { ROOM_FIRST = 16 };

/* Of each entity, named by its smallest subject, the first blacklisted node; RS_NO_NODE: none. */
static rs_status first_blacklisted(const rs_list *blacklist, const uint32_t *entity,
                                   uint32_t subject_count, uint32_t **out, rs_error *err)
{
    uint32_t *first = malloc(((size_t)subject_count + 1) * sizeof *first);
    if (first == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (conflicts of %u subjects)", subject_count);
    }
    for (uint32_t v = 0; v < subject_count; v++) {
        first[v] = RS_NO_NODE;
    }
    for (size_t i = blacklist->count; i-- > 0;) { /* the last one written is the smallest */
        uint32_t node = blacklist->entries[i].node;
        if (node < subject_count) {
            first[entity[node]] = node;
        }
    }
    *out = first;
    return RS_OK;
}

static rs_status add(rs_conflicts *out, rs_conflict conflict, size_t keep_max, rs_error *err)
{
    out->count++;
    if (out->kept_count >= keep_max) {
        return RS_OK;
    }
    size_t used = out->kept_count;
    if (used == 0 || (used >= ROOM_FIRST && (used & (used - 1)) == 0)) {
        size_t room = used == 0 ? ROOM_FIRST : 2 * used;
        rs_conflict *kept = realloc(out->kept, room * sizeof *kept);
        if (kept == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu conflicts)", used);
        }
        out->kept = kept;
    }
    out->kept[out->kept_count++] = conflict;
    return RS_OK;
}

rs_status rs_conflicts_find(const rs_list *blacklist, const rs_list *whitelist,
                            const uint32_t *entity, uint32_t subject_count, size_t keep_max,
                            rs_conflicts *out, rs_error *err)
{
    rs_status status = RS_OK;
    uint32_t *first = NULL;
    *out = (rs_conflicts){0};
    if (blacklist->count == 0 || whitelist->count == 0) {
        return RS_OK;
    }
    status = first_blacklisted(blacklist, entity, subject_count, &first, err);
    size_t black = 0;
    for (size_t i = 0; status == RS_OK && i < whitelist->count; i++) {
        rs_conflict one = {.whitelisted = whitelist->entries[i].node};
        while (black < blacklist->count && blacklist->entries[black].node < one.whitelisted) {
            black++; /* both lists ascend by node */
        }
        bool both = black < blacklist->count && blacklist->entries[black].node == one.whitelisted;
        one.blacklisted = both                              ? one.whitelisted
                          : one.whitelisted < subject_count ? first[entity[one.whitelisted]]
                                                            : RS_NO_NODE;
        if (one.blacklisted != RS_NO_NODE) {
            status = add(out, one, keep_max, err);
        }
    }
    free(first);
    if (status != RS_OK) {
        rs_conflicts_free(out);
    }
    return status;
}

rs_status rs_seeds_settle(const rs_list *blacklist, const rs_list *whitelist,
                          const uint32_t *entity, uint32_t subject_count, int64_t *seed,
                          rs_error *err)
{
    uint32_t *first = NULL;
    if (blacklist->count == 0 || whitelist->count == 0) {
        return RS_OK;
    }
    rs_status status = first_blacklisted(blacklist, entity, subject_count, &first, err);
    for (size_t i = 0; status == RS_OK && i < whitelist->count; i++) {
        uint32_t node = whitelist->entries[i].node;
        bool disputed = node < subject_count && first[entity[node]] != RS_NO_NODE;
        seed[node] = disputed && seed[node] < 0 ? 0 : seed[node];
    }
    free(first);
    return status;
}

void rs_conflicts_free(rs_conflicts *conflicts)
{
    free(conflicts->kept);
    *conflicts = (rs_conflicts){0};
}

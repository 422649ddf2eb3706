/* nights.h - nights of a few rings whose members are letters, for the tests of src/feedback.
 *
 * A night is one string: rings apart by spaces, a letter a member, "ABC DEF". All members are
 * accounts, but for digits, which are devices.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RS_TEST_FEEDBACK_NIGHTS_H
#define RS_TEST_FEEDBACK_NIGHTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "feedback/track.h"

enum { NIGHT_RINGS = 64, NIGHT_MEMBERS = 512 };
#define NIGHT_SETTINGS "0123456789abcdef0123456789abcdef"
#define NIGHT_ONE      INT64_C(1767225600)
#define NIGHT_DAY      INT64_C(86400)

/* Findings of one night, and what they are told as. */
typedef struct test_night {
    rs_findings findings;
    rs_ring rings[NIGHT_RINGS];
    rs_ring_member members[NIGHT_MEMBERS];
    rs_node_risk nodes[NIGHT_MEMBERS];
    rsi_ring_name names[NIGHT_MEMBERS];
    char letters[NIGHT_MEMBERS];
    rsi_track_state left;
} test_night;

static inline rs_text night_type(char letter)
{
    return letter >= '0' && letter <= '9' ? (rs_text){"device", 6} : (rs_text){"account", 7};
}

static inline int night_by_score(const void *a, const void *b)
{
    const rs_ring *left = a;
    const rs_ring *right = b;
    if (left->score != right->score) {
        return left->score > right->score ? -1 : 1;
    }
    return strcmp(left->id, right->id);
}

/* Rings of falling scores, or all of one score and by their ids, as findings are. */
static inline void night_fill(test_night *night, const char *text, bool one_score, int64_t as_of)
{
    size_t members = 0;
    *night = (test_night){
        .findings = {.rings = night->rings, .members = night->members, .nodes = night->nodes}};
    snprintf(night->letters, sizeof night->letters, "%s", text);
    for (const char *at = night->letters; *at != '\0';) {
        size_t length = strcspn(at, " ");
        rs_ring *ring = &night->rings[night->findings.ring_count];
        *ring =
            (rs_ring){.score = one_score ? 500000 : (uint32_t)(900000 - night->findings.ring_count),
                      .evidence = 1000 + length,
                      .since = as_of,
                      .member_first = members,
                      .member_count = length};
        for (size_t i = 0; i < length; i++, members++) {
            night->names[members] = (rsi_ring_name){night_type(at[i]), {at + i, 1}};
            night->members[members].node = (uint32_t)members;
        }
        rsi_ring_name born[NIGHT_MEMBERS];
        memcpy(born, night->names + ring->member_first, length * sizeof *born);
        rsi_ring_id(as_of, born, length, ring->id);
        night->findings.ring_count++;
        at += length + strspn(at + length, " ");
    }
    qsort(night->rings, night->findings.ring_count, sizeof *night->rings, night_by_score);
    for (size_t r = 0; r < night->findings.ring_count; r++) {
        for (size_t i = 0; i < night->rings[r].member_count; i++) {
            night->nodes[night->rings[r].member_first + i].ring = (uint32_t)r;
        }
    }
}

static inline void night_follow(test_night *night, const rsi_track_state *past, int64_t as_of)
{
    rs_error err = {0};
    rsi_track_night tonight = {.as_of = as_of,
                               .settings = NIGHT_SETTINGS,
                               .ring_count = night->findings.ring_count,
                               .node_count = NIGHT_MEMBERS,
                               .names = night->names};
    if (rsi_track_follow(past, &tonight, &night->findings, &night->left, &err) != RS_OK) {
        fail_msg("%s", err.message);
    }
}

static inline void night_free(test_night *night)
{
    rsi_track_state_free(&night->left);
    free(night->findings.from);
    free(night->findings.gone);
}

/* The ring that has the letter, NULL where none has. */
static inline const rs_ring *ring_with(const test_night *night, char letter)
{
    for (size_t r = 0; r < night->findings.ring_count; r++) {
        const rs_ring *ring = &night->rings[r];
        for (size_t i = 0; i < ring->member_count; i++) {
            if (night->names[ring->member_first + i].id.bytes[0] == letter) {
                return ring;
            }
        }
    }
    return NULL;
}

#endif

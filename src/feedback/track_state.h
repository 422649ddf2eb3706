/* track_state.h - the rings that a night leaves to the next: who was in which, and since when.
 *
 *   file = [ "RSRINGS1" ][ as-of i64 ][ digest of the settings, 32 hex digits ]
 *          [ bytes of the body u64 ][ bytes packed u64 ][ XXH3-64 of the packed body u64 ]
 *          [ XXH3-64 of the 72 bytes before u64 ][ body: one zstd frame ]
 *   body = varint count of types, per type [ varint length, name ]
 *          varint count of rings, per ring, ascending by id
 *              [ id u64 ][ event u8 ][ zigzag as-of - since ][ zigzag as-of - seen ][ score ]
 *              [ evidence ][ id u64 of the ring that it went into, 0: none ]
 *              [ count of `from`, per one id u64 ]
 *              [ count of members, per one, ascending by (type, id): type, length, id ]
 *
 * Numbers of unnamed form are varints. Equal states give equal bytes.
 *
 * Life     filled by hand or by rsi_track_decode -> read -> rsi_track_state_free
 * Memory   what the rings and their members need, all at once: 24 bytes a member beside its id
 * Trust    the file may be damaged or hostile: every length and order is checked
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_FEEDBACK_TRACK_STATE_H
#define RSI_FEEDBACK_TRACK_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "ringscope/erase.h"
#include "ringscope/error.h"
#include "ringscope/score.h"
#include "ringscope/text.h"

enum { RSI_TRACK_HEAD = 80 };                /* bytes before the body */
#define RSI_TRACK_FILE_MAX ((size_t)1 << 32) /* bytes of a file, and of its body */

/* A member: its type by number, its id lent from somewhere. */
typedef struct rsi_track_member {
    const char *id;
    uint32_t length;
    uint32_t type;
} rsi_track_member;

typedef struct rsi_track_ring {
    rs_ring_id id;
    rs_ring_id into;                   /* the ring that took it in; "": none */
    rs_ring_event event;               /* of the last night; died: it was not seen that night */
    int64_t since;                     /* as-of of its birth */
    int64_t seen;                      /* as-of of the last night that reported it */
    uint64_t evidence;                 /* of that night, as rs_ring */
    uint32_t score;                    /* of that night */
    size_t from_first, from_count;     /* in `from` */
    size_t member_first, member_count; /* in `members`, of the last night that it was seen */
} rsi_track_ring;

/* {0} is an empty one. Who fills it by hand owns the arrays, or lends them and does not free. */
typedef struct rsi_track_state {
    int64_t as_of;
    char settings[33];
    char **types; /* ascending */
    size_t type_count;
    rsi_track_ring *rings; /* ascending by id */
    size_t ring_count;
    rs_ring_id *from;
    size_t from_count;
    rsi_track_member *members;
    size_t member_count;
    uint8_t *body; /* that ids of members are lent from; NULL: from elsewhere */
} rsi_track_state;

void rsi_track_state_free(rsi_track_state *state);

/* Whether the last night reported the ring. */
static inline bool rsi_track_lives(const rsi_track_ring *ring)
{
    return ring->event != RS_RING_DIED;
}

/* The ring of that id, or NULL. O(log rings). */
const rsi_track_ring *rsi_track_find(const rsi_track_state *state, const char *id);
/* Ascending: by type, then by id. */
int rsi_track_compare(const rsi_track_member *a, const rsi_track_member *b);

/* What the head of a file tells. RS_ECORRUPT (`bytes` are fewer than RSI_TRACK_HEAD, too). */
RS_MUST_USE rs_status rsi_track_head(const void *bytes, size_t length, int64_t *as_of,
                                     char settings[33], rs_error *err);
/* A file's bytes, appended to `out`. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_track_encode(const rsi_track_state *state, rsi_buffer *out,
                                       rs_error *err);
/* A whole file. RS_ECORRUPT, RS_ENOMEM. */
RS_MUST_USE rs_status rsi_track_decode(const void *bytes, size_t length, rsi_track_state *out,
                                       rs_error *err);
/* Take the nodes out of every ring; *hits: how many members went. Rings stay, be they empty. */
void rsi_track_erase(rsi_track_state *state, const rs_node_name *nodes, size_t count,
                     uint64_t *hits);

#endif

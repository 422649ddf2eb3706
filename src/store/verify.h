/* verify.h - hold a snapshot against all invariants of docs/FORMAT.md, part by part.
 *
 * Each call adds what does not hold to the verifier's list and goes on; its status is what kept it
 * from looking. What follows from a finding is not told again: a count is not checked where some of
 * what it counts cannot be read.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_VERIFY_H
#define RSI_STORE_VERIFY_H

#include "store/partial.h"

typedef struct rsi_verifier {
    const rs_store *store;
    const bool *broken; /* per file: it cannot be read */
    rs_violations *list;
    const rs_work *work;
    rsi_segment_coder *segments; /* scratch, shared by all files: it is large */
    rsi_values_coder *values;
    rsi_rows_coder *rows;
    rsi_buffer bytes;
} rsi_verifier;

/* Every id of a type, parts merged: S-05, S-06, S-08, S-14. */
RS_MUST_USE rs_status rsi_verify_ids(rsi_verifier *verifier, size_t type, rs_error *err);
/* Every edge of a relation, and its reverse files: S-05, S-06, S-09, S-10, S-15. */
RS_MUST_USE rs_status rsi_verify_edges(rsi_verifier *verifier, size_t relation, rs_error *err);
/* Every value of an attribute: S-05, S-06, S-11. */
RS_MUST_USE rs_status rsi_verify_values(rsi_verifier *verifier, size_t attribute, rs_error *err);
/* Every row of a rows file: S-05, S-06, S-12. */
RS_MUST_USE rs_status rsi_verify_rows(rsi_verifier *verifier, size_t file, rs_error *err);

#endif

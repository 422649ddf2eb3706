/* try.h - one way out of a function: what may fail jumps to the label `done`, where all is freed.
 *
 * Needs a local `rs_status status` that starts as RS_OK.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_BASE_TRY_H
#define RSI_BASE_TRY_H

#define RS_TRY(call)                                                                               \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != RS_OK) {                                                                     \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

#endif

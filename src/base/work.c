/* work.c - reports of progress, and the way in which a caller stops a long call.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/work.h"

#include <stddef.h>

rs_status rs_work_report(const rs_work *work, const char *stage, const char *unit, uint64_t done,
                         uint64_t total, rs_error *err)
{
    if (work == NULL || work->progress == NULL) {
        return RS_OK;
    }
    rs_progress now = {.stage = stage, .unit = unit, .done = done, .total = total};
    if (work->progress(work->context, &now) != 0) {
        return rs_fail(err, RS_EINTERRUPTED, "interrupted while at \"%s\"", stage);
    }
    return RS_OK;
}

/* What bindgen reads: the parts of httpd's API that the module uses. */
#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "ap_mmn.h"
#include "apr_strings.h"

#include "../src/httpd/shim.h"

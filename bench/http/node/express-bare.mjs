/** No limiter. */

import { serve } from './express.mjs';

serve();

WITH drawn AS (
  SELECT i, hash(i) AS h, hash(i + 1_000_003) AS g, (hash(i // 9) % $candidates::UBIGINT)::BIGINT AS c,
    (hash(i * 3 + 1) % $people::UBIGINT)::BIGINT AS p, i // 9 AS booking
  FROM range($first::BIGINT, $last::BIGINT) r(i)
), shaped AS (
  SELECT *, h % 100 < 60 AS interview, (h // 100) % 100 AS kind, (g % 1000)::INTEGER AS dice,
    to_timestamp(epoch($start::TIMESTAMPTZ)) + to_microseconds(i * $step::BIGINT + (g % 1_000_000)::BIGINT) AS occurred
  FROM drawn
), named AS (
  SELECT *,
    ($names::VARCHAR[])[1 + (hash(p) % len($names::VARCHAR[]))::INTEGER] || ' ' || ($surnames::VARCHAR[])[1 + (hash(p + 7) % len($surnames::VARCHAR[]))::INTEGER] AS person,
    ($names::VARCHAR[])[1 + (hash(c + 11) % len($names::VARCHAR[]))::INTEGER] || ' ' || ($surnames::VARCHAR[])[1 + (hash(c + 13) % len($surnames::VARCHAR[]))::INTEGER] AS candidate,
    CASE WHEN interview
      THEN ['interview_booking', 'video_session', 'video_session', 'recording', 'evaluation'][1 + (kind % 5)::INTEGER]
      ELSE ['application', 'candidate', 'message', 'campaign', 'workflow', 'report', 'setting'][1 + (kind % 7)::INTEGER] END AS type,
    CASE WHEN interview
      THEN ['created', 'updated', 'participant_joined', 'participant_left', 'recording_started', 'recording_completed', 'room_finished',
            'cancelled', 'marked_no_show', 'approved', 'recording_failed', 'updated', 'updated'][1 + (kind % 13)::INTEGER]
      ELSE ['viewed', 'sent', 'status_changed', 'created', 'signed_in', 'updated', 'exported', 'granted', 'deleted'][1 + (kind % 9)::INTEGER] END AS did
  FROM shaped
)
SELECT
  printf('%015X%017X', epoch_us(occurred), i) AS event_id,
  CASE WHEN dice = 0 AND g % 7 = 0 THEN NULL ELSE occurred END AS occurred_at,
  occurred + INTERVAL 200 MILLISECOND AS recorded_at,
  'bench' AS source, NULL AS source_event_id, 'northwind' AS tenant,
  'U' || (1000 + p) AS actor_id, person AS actor_name, 'u' || p || '@northwind.example.test' AS actor_email,
  ['member', 'campaign_manager', 'interviewer', 'admin', 'member'][1 + (p % 5)::INTEGER] AS actor_role,
  did AS action, type || '.' || did AS action_raw,
  CASE WHEN dice < 15 THEN 'failure' WHEN dice < 18 THEN 'denied' ELSE 'success' END AS outcome,
  type AS resource_type, upper(left(type, 2)) || printf('%08X', (hash(booking * 8 + length(type)) % 4294967296)::BIGINT) AS resource_id, NULL AS resource_name,
  CASE WHEN interview THEN 'U' || (1000 + (p + 3) % $people::BIGINT) END AS interviewer_id, CASE WHEN interview THEN person END AS interviewer_name,
  CASE WHEN interview THEN 'C' || (100000 + c) END AS candidate_id, CASE WHEN interview THEN candidate END AS candidate_name,
  '{"booking":"BK' || printf('%08X', booking) || '","campaign":"CP' || (c % 200) || '"}' AS related,
  '203.0.' || (p % 200) || '.' || (h // 1000 % 250) AS ip, 'Mozilla/5.0 (X11; Linux x86_64) Chrome/140' AS user_agent,
  did || ' by ' || person AS summary,
  CASE WHEN did = 'updated' THEN '[{"field":"' || ['status', 'slot', 'score', 'panel'][1 + (g % 4)::INTEGER] || '","before":' || dice || ',"after":' || (dice + 1) || '}]' END AS changes,
  '{"api_version":"2026-04","request":{"id":"' || md5(i::VARCHAR) || '","method":"PATCH","path":"/v2/' || type || '/' || booking || '","status":200,"duration_ms":' || dice
    || '},"actor":{"id":"U' || (1000 + p) || '","name":"' || person || '"},"flags":["new_scheduler","eu_region"],"session":{"id":"' || md5((i // 3)::VARCHAR) || '","trace":"'
    || md5((i * 7)::VARCHAR) || md5((i * 11)::VARCHAR) || '"},"resource":{"type":"' || type || '","booking":' || booking || ',"candidate":"' || candidate
    || '","history":[' || dice || ',' || (dice * 3) || ',' || (dice * 7) || '],"note":"' || repeat('scheduled by the assistant ', 1 + (h % 6)::INTEGER) || '"}}' AS metadata,
  NULL AS source_file, NULL AS source_row
FROM named ORDER BY i

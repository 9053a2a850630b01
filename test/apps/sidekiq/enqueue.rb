# enqueue.rb note|later|flaky|hang|bulk NAME…
# enqueue.rb retry-now
require 'sidekiq/api'
require_relative 'jobs'

kind, *names = ARGV
case kind
when 'note' then names.each { |name| Note.perform_async(name) }
when 'later' then names.each { |name| Note.perform_in(1, name) }
when 'flaky' then names.each { |name| Flaky.perform_async(name) }
when 'hang' then names.each { |name| Hang.perform_async(name) }
when 'bulk' then Sidekiq::Client.push_bulk('class' => Note, 'args' => names.map { |name| [name] })
when 'retry-now'
  retries = Sidekiq::RetrySet.new
  sleep 0.02 until retries.size.positive?
  retries.retry_all
else abort "no such job: #{kind}"
end

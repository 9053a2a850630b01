# What workers do. Every job that is done leaves its name in the list "done".
require 'sidekiq'

$stdout.sync = true

Sidekiq.configure_server do |config|
  # How often scheduled jobs and retries are looked for, in seconds; without it the first look is after ten.
  config.options[:poll_interval_average] = 1
end

def done(name)
  Sidekiq.redis { |redis| redis.rpush('done', name) }
end

class Note
  include Sidekiq::Worker

  def perform(name)
    done(name)
  end
end

class Flaky
  include Sidekiq::Worker
  sidekiq_options retry: 5
  # Sidekiq adds seconds by chance: too long for a test, which retries at once as people do in the web interface.
  sidekiq_retry_in { 600 }

  def perform(name)
    run = Sidekiq.redis { |redis| redis.incr("runs:#{name}") }
    raise "run #{run}" if run <= 1

    done("#{name} after #{run - 1}")
  end
end

class Hang
  include Sidekiq::Worker

  def perform(name)
    if ENV['HANG']
      puts 'at work'
      sleep 600
    end
    done(name)
  end
end
